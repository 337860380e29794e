# shellcheck shell=bash
# The buckets, their settings, uploads, and the notification that triggers a load.

ensure_buckets() {
  aws_read s3api list-buckets >"$ACTUAL/buckets.json"
  apply buckets put_bucket
}

ensure_bucket_parts() {
  local action name
  mkdir -p "$ACTUAL/bucket_parts"
  while IFS=$'\t' read -r action name _ <&4; do
    [[ $action == create ]] || read_bucket_parts "$name"
  done 4<"$STATE/buckets.diff"
  apply bucket_parts put_bucket_part
}

# ensure_lifecycles: set the rules by which S3 deletes old versions.
ensure_lifecycles() {
  local bucket
  mkdir -p "$ACTUAL/lifecycles"
  for bucket in $(names_of lifecycles); do
    aws_find s3api get-bucket-lifecycle-configuration --bucket "$bucket" >"$ACTUAL/lifecycles/$bucket.json"
  done
  apply lifecycles put_lifecycle
}

# put_lifecycle ACTION NAME DETAIL: write the rules; a rule of others that `stays` needs no call.
put_lifecycle() {
  [[ $1 == stays ]] || aws_write \
    s3api put-bucket-lifecycle-configuration --cli-input-json "$(request lifecycles "$2")"
}

# put_bucket ACTION NAME DETAIL: create the bucket. If an answer is lost, the CLI retries and finds that we own it already.
put_bucket() {
  HINT=', or choose another STAGE' EXPECTED=BucketAlreadyOwnedByYou put s3api create-bucket "$@"
}

# read_bucket_parts BUCKET: read each of its settings.
read_bucket_parts() {
  local name
  for name in $(names_of bucket_parts); do
    [[ ${name%%.*} != "$1" ]] ||
      aws_find s3api "get-${name#*.}" --bucket "$1" >"$ACTUAL/bucket_parts/$name.json"
  done
}

put_bucket_part() {
  put s3api "put-${2#*.}" "$@"
}

# upload PACKAGE…: upload those of the packages and of the catalogue that the ingestion bucket does not have.
upload() {
  local bucket key
  bucket=$(ingestion_bucket)
  aws_find s3api list-objects-v2 --bucket "$bucket" --prefix deploy/ \
    --query 'Contents[].Key' >"$ACTUAL/uploads.json"
  aws_find s3api list-objects-v2 --bucket "$bucket" --prefix catalogue/ \
    --query 'Contents[].Key' >"$ACTUAL/catalogue.json"
  python ops.package.uploads "$WORK/uploads" "$ACTUAL" "$@" >"$WORK/uploads.txt"
  if [[ ! -s $WORK/uploads.txt ]]; then
    say ok "uploads"
    return
  fi
  [[ ! -d $WORK/uploads/deploy ]] ||
    aws_write s3 cp --recursive --only-show-errors "$WORK/uploads/deploy" "s3://$bucket/deploy/" >/dev/null
  while IFS= read -r key <&3; do
    [[ $key == deploy/* ]] || create_object "$bucket" "$key" "$WORK/uploads/$key"
    say create "s3://$bucket/$key"
  done 3<"$WORK/uploads.txt"
}

ensure_bucket_notifications() {
  local bucket
  mkdir -p "$ACTUAL/bucket_notifications"
  for bucket in $(names_of bucket_notifications); do
    aws_find s3api get-bucket-notification-configuration --bucket "$bucket" >"$ACTUAL/bucket_notifications/$bucket.json"
  done
  apply bucket_notifications put s3api put-bucket-notification-configuration
}

# list_s3: read what of this service the stack has, for teardown.
list_s3() {
  local name
  aws_read s3api list-buckets >"$ACTUAL/buckets.json"
  mkdir -p "$ACTUAL/bucket_notifications"
  for name in $(names_of bucket_notifications); do
    aws_find s3api get-bucket-notification-configuration --bucket "$name" >"$ACTUAL/bucket_notifications/$name.json"
  done
}

# The notifications of others are kept as they are, valid or not.
remove_bucket_notification() {
  aws_delete s3api put-bucket-notification-configuration --skip-destination-validation \
    --cli-input-json "$(request bucket_notifications "$1")"
}

remove_package() {
  aws_delete s3api delete-object --bucket "$(ingestion_bucket)" --key "$1"
}

remove_bucket_policy() {
  aws_delete s3api delete-bucket-policy --bucket "$1"
}

remove_bucket_replication() {
  aws_delete s3api delete-bucket-replication --bucket "$1"
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
