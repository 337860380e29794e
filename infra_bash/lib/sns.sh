# shellcheck shell=bash
# The topic `changes`, and what each queue hears of it.

declare -A SUBSCRIPTION=()

topic_arn() {
  printf 'arn:aws:sns:%s:%s:%s-%s-changes' "$AWS_REGION" "$ACCOUNT_ID" "$PROJECT" "$STAGE"
}

ensure_topic() {
  mkdir -p "$HAVE/topics"
  aws_find sns get-topic-attributes --topic-arn "$(topic_arn)" >"$HAVE/topics/$PROJECT-$STAGE-changes.json"
  settle topics put_topic
}

put_topic() {
  if [[ $1 == create ]]; then
    put sns create-topic "$@"
  else
    aws_write sns set-topic-attributes --cli-input-json "$(request topic_policies "$2")"
  fi
}

ensure_subscriptions() {
  local arn endpoint
  # One that is being deleted is still listed for a while, in the end without an ARN.
  aws_find sns list-subscriptions-by-topic --topic-arn "$(topic_arn)" --output text \
    --query "Subscriptions[?starts_with(SubscriptionArn, 'arn:')].[Endpoint, SubscriptionArn]" >"$HAVE/subscriptions.txt"
  mkdir -p "$HAVE/subscriptions"
  while read -r endpoint arn <&4; do
    SUBSCRIPTION[${endpoint##*:}]=$arn
    aws_find sns get-subscription-attributes --subscription-arn "$arn" >"$HAVE/subscriptions/${endpoint##*:}.json"
  done 4<"$HAVE/subscriptions.txt"
  settle subscriptions put_subscription
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
