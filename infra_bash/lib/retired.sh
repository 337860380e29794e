# shellcheck shell=bash
# What a warehouse table leaves behind when its module goes. The table itself stays.

# retire: from what the steps before have read.
retire() {
  local verdict word name id note
  python infra_bash.lib.retired "$STATE" >"$STATE/retired"
  while IFS=$'\t' read -r verdict word name id note <&3; do
    [[ $verdict != delete ]] || retire_one "$word" "$name" "$id" >/dev/null
    say "$verdict" "$word $name${note:+ $note}"
  done 3<"$STATE/retired"
}

# retire_one WORD NAME ID
retire_one() {
  case $1 in
    mapping) aws_write_patiently ResourceInUse lambda delete-event-source-mapping --uuid "$3" ;;
    subscription) aws_write sns unsubscribe --subscription-arn "$3" ;;
    function) aws_write lambda delete-function --function-name "$3" ;;
    queue) aws_write sqs delete-queue --queue-url "$(url_of "$3")" ;;
    "log group") aws_write logs delete-log-group --log-group-name "$3" ;;
    "role policy") aws_write iam delete-role-policy --role-name "$2" --policy-name "$3" ;;
    role) aws_write iam delete-role --role-name "$3" ;;
  esac
}

url_of() {
  aws_read sqs get-queue-url --queue-name "$1" --query QueueUrl --output text
}
