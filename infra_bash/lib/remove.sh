# shellcheck shell=bash
# The deletion of a stack: its resources are found by name and by tag, and deleted one after the other.

REMOVED=$WORK/removed

# find_stack: write a line for each resource of the stack to $STATE/removals, dependants first.
find_stack() {
  # With LOAD_ON_MANIFEST=no no bucket notification is desired, so an existing one is to be deleted.
  LOAD_ON_MANIFEST=no write_requests roles rules alarms bucket_notifications topics queues dead_letter_queues secrets buckets
  read_stack
  python ops.teardown.plan "$STATE" "$OPTION_WITH_DATA" >"$STATE/removals"
}

read_stack() {
  local prefix=$PROJECT-$STAGE name
  aws_read resourcegroupstaggingapi get-resources \
    --tag-filters "Key=project,Values=$PROJECT" "Key=stage,Values=$STAGE" >"$ACTUAL/tagged.json"
  aws_read events list-rules --name-prefix "$prefix-" >"$ACTUAL/rules.json"
  aws_read cloudwatch describe-alarms --alarm-name-prefix "$prefix-" >"$ACTUAL/alarms.json"
  aws_find cloudwatch get-dashboard --dashboard-name "$prefix" >"$ACTUAL/dashboard.json"
  read_budget
  aws_read lambda list-event-source-mappings >"$ACTUAL/mappings.json"
  aws_read sns list-topics >"$ACTUAL/topics.json"
  aws_read sns list-subscriptions \
    --query 'Subscriptions[].[TopicArn, SubscriptionArn, Protocol, Endpoint]' | rows >"$ACTUAL/subscriptions.txt"
  aws_read lambda list-functions >"$ACTUAL/functions.json"
  aws_find lambda list-layer-versions --layer-name "$prefix-libraries" >"$ACTUAL/layers.json"
  aws_read sqs list-queues --queue-name-prefix "$prefix-" --query 'QueueUrls[]' | rows >"$ACTUAL/queue_urls.txt"
  aws_read logs describe-log-groups --log-group-name-prefix "/aws/lambda/$prefix-" >"$ACTUAL/log_groups.json"
  read_roles
  read_interfaces
  aws_read s3api list-buckets >"$ACTUAL/buckets.json"
  aws_read secretsmanager list-secrets --include-planned-deletion >"$ACTUAL/secrets.json"
  mkdir -p "$ACTUAL/bucket_notifications" "$ACTUAL/secrets"
  for name in $(names_of bucket_notifications); do
    aws_find s3api get-bucket-notification-configuration --bucket "$name" >"$ACTUAL/bucket_notifications/$name.json"
  done
  # The list of secrets lags by minutes.
  for name in $(names_of secrets); do
    aws_find secretsmanager describe-secret --secret-id "${!name}" >"$ACTUAL/secrets/$name.json"
  done
}

# remove_stack: delete what find_stack has found. Resources that do not exist any more are skipped.
remove_stack() {
  local action word name id
  while IFS=$'\t' read -r action word name id <&3; do
    [[ $action == delete ]] || continue
    REFUSED=''
    [[ $DRY_RUN == yes ]] || remove "$word" "$id" >/dev/null
    printf '%s\t%s\n' "$word" "$id" >>"$REMOVED"
    [[ -n $REFUSED ]] || say delete "$word $name"
  done 3<"$STATE/removals"
}

# remove_listed FILE: delete and print the resources of its lines `ACTION WORD NAME ID NOTE`.
remove_listed() {
  local action word name id note
  while IFS=$'\t' read -r action word name id note <&3; do
    [[ $action != delete ]] || remove "$word" "$id" >/dev/null
    say "$action" "$word $name${note:+ $note}"
  done 3<"$1"
}

# remove WORD ID: delete one resource.
remove() {
  case $1 in
    rule) remove_rule "$2" ;;
    alarm) aws_delete cloudwatch delete-alarms --alarm-names "$2" ;;
    dashboard) aws_delete cloudwatch delete-dashboards --dashboard-names "$2" ;;
    budget) aws_delete budgets delete-budget --account-id "$ACCOUNT_ID" --budget-name "$2" ;;
    # The notifications of others are kept as they are, valid or not.
    "bucket notification") aws_delete s3api put-bucket-notification-configuration --skip-destination-validation --cli-input-json "$(request bucket_notifications "$2")" ;;
    mapping) aws_delete lambda delete-event-source-mapping --uuid "$2" ;;
    subscription) aws_delete sns unsubscribe --subscription-arn "$2" ;;
    topic) aws_delete sns delete-topic --topic-arn "$2" ;;
    function) aws_delete lambda delete-function --function-name "$2" ;;
    layer) aws_delete lambda delete-layer-version --layer-name "${2%:*}" --version-number "${2##*:}" ;;
    package) aws_delete s3api delete-object --bucket "$(ingestion_bucket)" --key "$2" ;;
    queue) aws_delete sqs delete-queue --queue-url "$2" ;;
    "log group") aws_delete logs delete-log-group --log-group-name "$2" ;;
    "role policy") aws_delete iam delete-role-policy --role-name "${2%%/*}" --policy-name "${2#*/}" ;;
    "attached policy") aws_delete iam detach-role-policy --role-name "${2%%/*}" --policy-arn "${2#*/}" ;;
    permission) aws_delete lambda remove-permission --function-name "${2%/*}" --statement-id "${2#*/}" ;;
    "function url") aws_delete lambda delete-function-url-config --function-name "$2" ;;
    alias) aws_delete lambda delete-alias --function-name "${2%/*}" --name "${2#*/}" ;;
    version) aws_delete lambda delete-function --function-name "${2%/*}" --qualifier "${2#*/}" ;;
    "rule target") aws_delete events remove-targets --rule "${2%/*}" --ids "${2#*/}" ;;
    "bucket policy") aws_delete s3api delete-bucket-policy --bucket "$2" ;;
    "bucket replication") aws_delete s3api delete-bucket-replication --bucket "$2" ;;
    role) aws_delete iam delete-role --role-name "$2" ;;
    # Without recovery: the next deploy needs the name again.
    secret) aws_delete secretsmanager delete-secret --force-delete-without-recovery --secret-id "$2" ;;
    bucket) remove_bucket "$2" ;;
  esac
}

remove_rule() {
  local -a targets
  aws_find events list-targets-by-rule --rule "$1" --query 'Targets[].Id' | rows >"$WORK/targets"
  mapfile -t targets <"$WORK/targets"
  ((${#targets[@]} == 0)) || aws_delete events remove-targets --rule "$1" --ids "${targets[@]}"
  aws_delete events delete-rule --name "$1"
}

# remove_bucket NAME: empty and delete it; repeat if a function that was still running has written to it meanwhile.
remove_bucket() {
  REFUSED=BucketNotEmpty
  while [[ $REFUSED == *BucketNotEmpty* ]]; do
    # In the background, so that a signal ends this script even while a million versions are being deleted.
    python ops.teardown.empty_bucket "$1" &
    wait $!
    EXPECTED="$ABSENT|BucketNotEmpty" aws_write s3api delete-bucket --bucket "$1"
  done
}

# report_remaining: print the resources that find_stack has found and remove_stack has not deleted. AWS may list deleted
# resources for a while.
report_remaining() {
  local action word name more
  touch "$REMOVED"
  while IFS=$'\t' read -r action word name more; do
    case $action in
      stays) say stays "$word $name ($more)" ;;
      delete) grep -qxF "$word"$'\t'"$more" "$REMOVED" || say stays "$word $name (run this again)" ;;
    esac
  done <"$STATE/removals"
}
