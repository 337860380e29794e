# shellcheck shell=bash
# Taking a stack away: what there is of it, by name and by tag, then one thing after the other.

REMOVED=$WORK/removed

# find_stack: lines of what there is of this stack into $STATE/removals, dependants first.
find_stack() {
  # With nothing to ring, the bell that is there is one to take away.
  LOAD_ON_MANIFEST=no want roles rules alarms bells topics queues dead_letter_queues secrets buckets
  read_stack
  python ops.teardown.plan "$STATE" "$WITH_DATA" >"$STATE/removals"
}

read_stack() {
  local prefix=$PROJECT-$STAGE name
  aws_read resourcegroupstaggingapi get-resources \
    --tag-filters "Key=project,Values=$PROJECT" "Key=stage,Values=$STAGE" >"$HAVE/tagged.json"
  aws_read events list-rules --name-prefix "$prefix-" >"$HAVE/rules.json"
  aws_read cloudwatch describe-alarms --alarm-name-prefix "$prefix-" >"$HAVE/alarms.json"
  aws_find cloudwatch get-dashboard --dashboard-name "$prefix" >"$HAVE/dashboard.json"
  read_budget
  aws_read lambda list-event-source-mappings >"$HAVE/mappings.json"
  aws_read sns list-topics >"$HAVE/topics.json"
  aws_read sns list-subscriptions >"$HAVE/subscriptions.json"
  aws_read lambda list-functions >"$HAVE/functions.json"
  aws_find lambda list-layer-versions --layer-name "$prefix-libraries" >"$HAVE/layers.json"
  aws_read sqs list-queues --queue-name-prefix "$prefix-" >"$HAVE/queues.json"
  aws_read logs describe-log-groups --log-group-name-prefix "/aws/lambda/$prefix-" >"$HAVE/log_groups.json"
  read_roles
  read_interfaces
  aws_read s3api list-buckets >"$HAVE/buckets.json"
  aws_read secretsmanager list-secrets --include-planned-deletion >"$HAVE/secrets.json"
  mkdir -p "$HAVE/bells" "$HAVE/secrets"
  for name in $(names_of bells); do
    aws_find s3api get-bucket-notification-configuration --bucket "$name" >"$HAVE/bells/$name.json"
  done
  # The list lags by minutes.
  for name in $(names_of secrets); do
    aws_find secretsmanager describe-secret --secret-id "${!name}" >"$HAVE/secrets/$name.json"
  done
}

# remove_stack: what find_stack has found. What went by itself meanwhile is passed over.
remove_stack() {
  local verdict word name id
  while IFS=$'\t' read -r verdict word name id <&3; do
    [[ $verdict == delete ]] || continue
    REFUSED=''
    [[ $DRY_RUN == yes ]] || remove "$word" "$id" >/dev/null
    printf '%s\t%s\n' "$word" "$id" >>"$REMOVED"
    [[ -n $REFUSED ]] || say delete "$word $name"
  done 3<"$STATE/removals"
}

# remove_listed FILE: what its lines `VERDICT WORD NAME ID NOTE` say is to be deleted.
remove_listed() {
  local verdict word name id note
  while IFS=$'\t' read -r verdict word name id note <&3; do
    [[ $verdict != delete ]] || remove "$word" "$id" >/dev/null
    say "$verdict" "$word $name${note:+ $note}"
  done 3<"$1"
}

# remove WORD ID
remove() {
  case $1 in
    rule) remove_rule "$2" ;;
    alarm) aws_delete cloudwatch delete-alarms --alarm-names "$2" ;;
    dashboard) aws_delete cloudwatch delete-dashboards --dashboard-names "$2" ;;
    budget) aws_delete budgets delete-budget --account-id "$ACCOUNT_ID" --budget-name "$2" ;;
    # What others have written there stays as it is, be it right or wrong.
    bell) aws_delete s3api put-bucket-notification-configuration --skip-destination-validation --cli-input-json "$(request bells "$2")" ;;
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
    # At once: the name is wanted again by the next deploy.
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

# remove_bucket NAME: until it is empty, for a function that was still running may have written once more.
remove_bucket() {
  REFUSED=BucketNotEmpty
  while [[ $REFUSED == *BucketNotEmpty* ]]; do
    # Beside this script, which is then ended in the middle of a million versions as it is elsewhere.
    python ops.teardown.empty_bucket "$1" &
    wait $!
    FINE="$ABSENT|BucketNotEmpty" aws_write s3api delete-bucket --bucket "$1"
  done
}

# show_rest: what find_stack has found and remove_stack did not delete: AWS lists for a while what is gone.
show_rest() {
  local verdict word name more
  touch "$REMOVED"
  while IFS=$'\t' read -r verdict word name more; do
    case $verdict in
      stays) say stays "$word $name ($more)" ;;
      delete) grep -qxF "$word"$'\t'"$more" "$REMOVED" || say stays "$word $name (run this again)" ;;
    esac
  done <"$STATE/removals"
}
