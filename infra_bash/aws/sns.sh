# shellcheck shell=bash
# The topics, what each queue hears of `changes`, and who hears of the others.

declare -A SUBSCRIPTION=()

# topic_arn NAME
topic_arn() {
  printf 'arn:%s:sns:%s:%s:%s' "$PARTITION" "$AWS_REGION" "$ACCOUNT_ID" "$1"
}

ensure_topics() {
  local name
  mkdir -p "$HAVE/topics"
  for name in $(names_of topics); do
    aws_find sns get-topic-attributes --topic-arn "$(topic_arn "$name")" >"$HAVE/topics/$name.json"
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

# read_subscriptions: by topic, for the list of all has those of this account alone.
read_subscriptions() {
  local name
  for name in $(names_of topics); do
    aws_find sns list-subscriptions-by-topic --topic-arn "$(topic_arn "$name")" \
      --query 'Subscriptions[].[TopicArn, SubscriptionArn, Protocol, Endpoint]' | rows >>"$HAVE/subscriptions.txt"
  done
}

ensure_subscriptions() {
  local topic arn protocol endpoint
  read_subscriptions
  mkdir -p "$HAVE/subscriptions"
  while read -r topic arn protocol endpoint <&4; do
    # One that is being deleted is still listed for a while, in the end without an ARN.
    [[ $topic == "$(topic_arn "$PROJECT-$STAGE-changes")" && $protocol == sqs && $arn == arn:* ]] || continue
    SUBSCRIPTION[${endpoint##*:}]=$arn
    aws_find sns get-subscription-attributes --subscription-arn "$arn" >"$HAVE/subscriptions/${endpoint##*:}.json"
  done 4<"$HAVE/subscriptions.txt"
  apply subscriptions put_subscription
}

# put_subscription VERDICT NAME ATTRIBUTES: SNS changes one attribute a call.
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

# ensure_alert_subscriptions: what ensure_subscriptions has read. The function alert is there by now.
ensure_alert_subscriptions() {
  apply alert_subscriptions put_alert_subscription
}

# put_alert_subscription VERDICT NAME ARN
put_alert_subscription() {
  case $1 in
    create) put sns subscribe "$@" ;;
    delete) aws_delete sns unsubscribe --subscription-arn "$3" ;;
  esac
}

# prove_alerts: ask the function alert where a message would go; through a new webhook send a test message.
prove_alerts() {
  local answer verb words do=check
  [[ ! -e $WORK/new_webhook || $OPTION_QUIET_ALERTS == yes ]] || do=test
  answer=$(invoke alert "{\"do\":\"$do\"}")
  answer=$(python ops.answers reach <<<"$answer")
  IFS=$'\t' read -r verb words <<<"$answer"
  say "$verb" "$words"
}
