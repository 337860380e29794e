# shellcheck shell=bash
# Objects that are written once.

# create_object BUCKET KEY FILE: fine when it is there, for what is the same has the same key. An AWS CLI from before
# August 2024 does not know the condition; without it a bucket that asks for it refuses.
create_object() {
  local -a object=(--bucket "$1" --key "$2" --body "$3")
  FINE='PreconditionFailed|Unknown options' aws_write \
    s3api put-object "${object[@]}" --if-none-match '*' >/dev/null
  [[ $REFUSED != *"Unknown options"* ]] || aws_write s3api put-object "${object[@]}" >/dev/null
}
