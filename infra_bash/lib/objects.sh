# shellcheck shell=bash
# Objects that are created and never overwritten.

# create_object BUCKET KEY FILE: an object that exists is kept, because the same key always has the same content. An AWS
# CLI from before August 2024 does not know the condition, and a bucket whose policy demands it refuses then.
create_object() {
  local -a object=(--bucket "$1" --key "$2" --body "$3")
  EXPECTED='PreconditionFailed|Unknown options' aws_write \
    s3api put-object "${object[@]}" --if-none-match '*' >/dev/null
  [[ $REFUSED != *"Unknown options"* ]] || aws_write s3api put-object "${object[@]}" >/dev/null
}
