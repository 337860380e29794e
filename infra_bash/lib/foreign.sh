# shellcheck shell=bash
# What others have attached to our roles, functions, topics, rules and buckets: those are closed sets.

# What is read of each function, and how.
declare -A LOOKS=([permissions]=get-policy [function_urls]=list-function-url-configs [aliases]=list-aliases)

# remove_foreign: after all that is ours was put, so that what is left over is not.
remove_foreign() {
  look_at_functions
  look_at_rules
  look_at_buckets
  python ops.teardown.foreign "$STATE" >"$STATE/foreign"
  remove_listed "$STATE/foreign"
}

# look_at_functions: at those that were there when the deploy began, one kind beside the other.
look_at_functions() {
  local kind looking
  local -a pids=()
  # Of each version an entry; the first is the function itself.
  aws_read lambda list-functions --function-version ALL \
    --query "{Functions: Functions[?starts_with(FunctionName, '$PROJECT-$STAGE-')].{FunctionName: FunctionName, Version: Version}}" \
    >"$HAVE/versions.json"
  for kind in "${!LOOKS[@]}"; do
    look_at_each "$kind" &
    pids+=($!)
  done
  for looking in "${pids[@]}"; do
    wait "$looking"
  done
}

# look_at_each KIND
look_at_each() {
  local name
  mkdir -p "$HAVE/$1"
  for name in $(names_of functions); do
    [[ ! -e $HAVE/$1/$name.json ]] || continue
    ! grep -qF "\"FunctionName\": \"$name\"" "$HAVE/functions.json" ||
      aws_find lambda "${LOOKS[$1]}" --function-name "$name" >"$HAVE/$1/$name.json"
  done
}

look_at_rules() {
  local name
  mkdir -p "$HAVE/rule_targets"
  for name in $(names_of rule_targets); do
    aws_find events list-targets-by-rule --rule "$name" >"$HAVE/rule_targets/$name.json"
  done
}

# look_at_buckets: where a policy of ours is wanted, ensure_buckets has compared it.
look_at_buckets() {
  local bucket
  mkdir -p "$HAVE"/bucket_{policies,replications}
  for bucket in $(names_of buckets); do
    [[ -e $STATE/bucket_parts/$bucket.bucket-policy.json ]] ||
      aws_find s3api get-bucket-policy --bucket "$bucket" >"$HAVE/bucket_policies/$bucket.json"
    FINE=ReplicationConfigurationNotFoundError \
      aws_find s3api get-bucket-replication --bucket "$bucket" >"$HAVE/bucket_replications/$bucket.json"
  done
}
