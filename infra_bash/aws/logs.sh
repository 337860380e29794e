# shellcheck shell=bash
# A log group per function, created before the function, which would create one without a retention.

read_log_groups() {
  aws_read logs describe-log-groups --log-group-name-prefix "/aws/lambda/$PROJECT-$STAGE-" >"$ACTUAL/log_groups.json"
}

ensure_log_groups() {
  read_log_groups
  apply log_groups put logs create-log-group
}

ensure_log_retentions() {
  apply log_retentions put logs put-retention-policy
}

# list_logs: read what of this service the stack has, for teardown.
list_logs() {
  read_log_groups
}

remove_log_group() {
  aws_delete logs delete-log-group --log-group-name "$1"
}
