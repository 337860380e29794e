# shellcheck shell=bash
# The attachments of others to our roles, functions, topics, rules and buckets, which a deploy removes.

# The operation that reads each kind of attachment of a function.
declare -A READ_OPERATIONS=([permissions]=get-policy [function_urls]=list-function-url-configs [aliases]=list-aliases)

# remove_foreign: remove what is not ours. It runs after everything of ours was written.
remove_foreign() {
  read_function_attachments
  read_rule_targets
  read_bucket_attachments
  python ops.teardown.foreign "$STATE" >"$STATE/foreign"
  remove_listed "$STATE/foreign"
}

# read_function_attachments: read those of the functions that existed when the deploy began, the kinds in parallel.
read_function_attachments() {
  local kind pid
  local -a pids=()
  # The list has an entry per version; $LATEST is the function itself.
  aws_read lambda list-functions --function-version ALL \
    --query "{Functions: Functions[?starts_with(FunctionName, '$PROJECT-$STAGE-')].{FunctionName: FunctionName, Version: Version}}" \
    >"$ACTUAL/versions.json"
  for kind in "${!READ_OPERATIONS[@]}"; do
    read_attachments "$kind" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
}

# read_attachments KIND: read this kind for each function, unless an earlier step has read it.
read_attachments() {
  local name
  mkdir -p "$ACTUAL/$1"
  for name in $(names_of functions); do
    [[ ! -e $ACTUAL/$1/$name.json ]] || continue
    ! grep -qF "\"FunctionName\": \"$name\"" "$ACTUAL/functions.json" ||
      aws_find lambda "${READ_OPERATIONS[$1]}" --function-name "$name" >"$ACTUAL/$1/$name.json"
  done
}

# read_bucket_attachments: read policies and replications. Where we have a policy, ensure_bucket_parts has compared it.
read_bucket_attachments() {
  local bucket
  mkdir -p "$ACTUAL"/bucket_{policies,replications}
  for bucket in $(names_of buckets); do
    [[ -e $STATE/bucket_parts/$bucket.bucket-policy.json ]] ||
      aws_find s3api get-bucket-policy --bucket "$bucket" >"$ACTUAL/bucket_policies/$bucket.json"
    EXPECTED=ReplicationConfigurationNotFoundError \
      aws_find s3api get-bucket-replication --bucket "$bucket" >"$ACTUAL/bucket_replications/$bucket.json"
  done
}
