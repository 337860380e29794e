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

# read_stack: read what exists; each file of aws/ has the function that lists what its service has, like list_sqs.
read_stack() {
  local service
  aws_read resourcegroupstaggingapi get-resources \
    --tag-filters "Key=project,Values=$PROJECT" "Key=stage,Values=$STAGE" >"$ACTUAL/tagged.json"
  # The roles first: they say whether there can be network interfaces in EC2.
  list_iam
  for service in "${SERVICES[@]}"; do
    [[ $service == iam ]] || "list_$service"
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

# remove WORD ID: delete one resource. Its service's file in aws/ has the function, like remove_log_group.
remove() {
  "remove_${1// /_}" "$2"
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
