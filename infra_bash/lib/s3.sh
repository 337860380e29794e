# shellcheck shell=bash
# Buckets, what is uploaded to them, and the bell.

ensure_buckets() {
  local name
  aws_read s3api list-buckets >"$HAVE/buckets.json"
  settle buckets put_bucket
  mkdir -p "$HAVE/bucket_parts"
  while IFS=$'\t' read -r verdict name _ <&4; do
    [[ $verdict == create ]] || read_bucket_parts "$name"
  done 4<"$STATE/buckets.verdicts"
  settle bucket_parts put_bucket_part
  ensure_lifecycles
}

# ensure_lifecycles: what nobody needs any more goes by itself.
ensure_lifecycles() {
  local bucket
  mkdir -p "$HAVE/lifecycles"
  for bucket in $(names_of lifecycles); do
    aws_find s3api get-bucket-lifecycle-configuration --bucket "$bucket" >"$HAVE/lifecycles/$bucket.json"
  done
  settle lifecycles put_lifecycle
}

# put_lifecycle VERDICT NAME WHAT
put_lifecycle() {
  [[ $1 == stays ]] || aws_write \
    s3api put-bucket-lifecycle-configuration --cli-input-json "$(request lifecycles "$2")"
}

# put_bucket VERDICT NAME WHAT. When an answer was lost, the CLI asks again and finds its own bucket.
put_bucket() {
  OR=', or choose another STAGE' FINE=BucketAlreadyOwnedByYou put s3api create-bucket "$@"
}

# read_bucket_parts BUCKET
read_bucket_parts() {
  local name
  for name in $(names_of bucket_parts); do
    [[ ${name%%.*} != "$1" ]] ||
      aws_find s3api "get-${name#*.}" --bucket "$1" >"$HAVE/bucket_parts/$name.json"
  done
}

put_bucket_part() {
  put s3api "put-${2#*.}" "$@"
}

# upload PACKAGE…: those and the catalogue, as far as the ingestion bucket lacks them.
upload() {
  local bucket key
  bucket=$(ingestion_bucket)
  aws_find s3api list-objects-v2 --bucket "$bucket" --prefix deploy/ \
    --query 'Contents[].Key' >"$HAVE/uploads.json"
  aws_find s3api list-objects-v2 --bucket "$bucket" --prefix catalogue/ \
    --query 'Contents[].Key' >"$HAVE/catalogue.json"
  python ops.package.uploads "$WORK/uploads" "$HAVE" "$@" >"$WORK/uploads.txt"
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

ensure_bell() {
  local bucket
  mkdir -p "$HAVE/bells"
  for bucket in $(names_of bells); do
    aws_find s3api get-bucket-notification-configuration --bucket "$bucket" >"$HAVE/bells/$bucket.json"
  done
  settle bells put s3api put-bucket-notification-configuration
}
