# shellcheck shell=bash
# The topics, and the subscriptions of queues to `changes` and of people and functions to the other topics.

declare -A SUBSCRIPTION=()

# topic_arn NAME: print the topic's ARN.
topic_arn() {
  printf 'arn:%s:sns:%s:%s:%s' "$PARTITION" "$AWS_REGION" "$ACCOUNT_ID" "$1"
}

ensure_topics() {
  local name
  mkdir -p "$ACTUAL/topics"
  for name in $(names_of topics); do
    aws_find sns get-topic-attributes --topic-arn "$(topic_arn "$name")" >"$ACTUAL/topics/$name.json"
  done
  apply topics put_topic
}

put_topic() {
  if [[ $1 == create ]]; then
    put sns create-topic "$@"
  else
    aws_write sns set-topic-attributes --cli-input-json "$(request topic_policies "$2")"
  fi
}

# read_subscriptions: read them topic by topic, because the list of all contains only those of this account.
read_subscriptions() {
  local name
  for name in $(names_of topics); do
    aws_find sns list-subscriptions-by-topic --topic-arn "$(topic_arn "$name")" \
      --query 'Subscriptions[].[TopicArn, SubscriptionArn, Protocol, Endpoint]' | rows >>"$ACTUAL/subscriptions.txt"
  done
}

ensure_subscriptions() {
  local topic arn protocol endpoint
  read_subscriptions
  mkdir -p "$ACTUAL/subscriptions"
  while read -r topic arn protocol endpoint <&4; do
    # A subscription that is being deleted is still listed for a while, finally without an ARN.
    [[ $topic == "$(topic_arn "$PROJECT-$STAGE-changes")" && $protocol == sqs && $arn == arn:* ]] || continue
    SUBSCRIPTION[${endpoint##*:}]=$arn
    aws_find sns get-subscription-attributes --subscription-arn "$arn" >"$ACTUAL/subscriptions/${endpoint##*:}.json"
  done 4<"$ACTUAL/subscriptions.txt"
  apply subscriptions put_subscription
}

# put_subscription ACTION NAME ATTRIBUTES: create it, or change the attributes; SNS changes one attribute per call.
put_subscription() {
  local attribute
  if [[ $1 == create ]]; then
    put sns subscribe "$@"
    return
  fi
  for attribute in ${3//,/ }; do
    aws_write sns set-subscription-attributes --subscription-arn "${SUBSCRIPTION[$2]}" \
      --cli-input-json "$(request subscription_attributes "$2.$attribute")"
  done
}

# ensure_alert_subscriptions: compare what ensure_subscriptions has read. The function alert exists by now.
ensure_alert_subscriptions() {
  apply alert_subscriptions put_alert_subscription
}

# put_alert_subscription ACTION NAME ARN: create or delete a subscription of `alerts` or `mail`.
put_alert_subscription() {
  case $1 in
    create) put sns subscribe "$@" ;;
    delete) remove_subscription "$3" ;;
  esac
}

# prove_alerts: ask the function alert where a message would go; through a new webhook send a test message.
prove_alerts() {
  local answer verb words do=check
  [[ ! -e $WORK/new_webhook || $OPTION_QUIET_ALERTS == yes ]] || do="test"
  answer=$(invoke alert "{\"do\":\"$do\"}")
  answer=$(python ops.answers reach <<<"$answer")
  IFS=$'\t' read -r verb words <<<"$answer"
  say "$verb" "$words"
}

# list_sns: read what of this service the stack has, for teardown.
list_sns() {
  aws_read sns list-topics >"$ACTUAL/topics.json"
  aws_read sns list-subscriptions \
    --query 'Subscriptions[].[TopicArn, SubscriptionArn, Protocol, Endpoint]' | rows >"$ACTUAL/subscriptions.txt"
}

remove_subscription() {
  aws_delete sns unsubscribe --subscription-arn "$1"
}

remove_topic() {
  aws_delete sns delete-topic --topic-arn "$1"
}
