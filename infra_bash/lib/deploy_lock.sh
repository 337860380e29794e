# shellcheck shell=bash
# One deploy of a stage at a time: whoever deploys has an object in the ingestion bucket that only one can create.

LOCK_KEY=deploy/lock.json
# What a deploy waits for is bounded, altogether by some forty minutes: a lock that is older than this is nobody's.
LOCK_S=3600
LOCKED_AT=

# lock_stack: refuses while another deploy has the lock. Before the bucket is there, there is nothing to lock.
lock_stack() {
  local etag judgement
  [[ $DRY_RUN == no && -z $LOCKED_AT ]] || return 0
  python ops.deploy_lock written $$ "$LOCK_S" >"$WORK/lock.json"
  put_lock --if-none-match '*'
  case $REFUSED in
    '') LOCKED_AT=$SECONDS ;;
    *NoSuchBucket*) ;;
    *"nknown options"*) say without "a lock against other deploys: this AWS CLI is too old for put-object --if-none-match" ;;
    *)
      etag=$(aws_find s3api get-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" "$WORK/held.json" --query ETag --output text)
      # It was given back just now.
      [[ -n $etag ]] || die "another deploy of $PROJECT-$STAGE has just ended; run this again"
      judgement=$(python ops.deploy_lock judged <"$WORK/held.json")
      [[ $judgement == left* ]] ||
        die "another deploy of $PROJECT-$STAGE is at work: ${judgement#held }. Run this again when it has ended;" \
          "if you know that it has died, first: aws s3 rm s3://$(ingestion_bucket)/$LOCK_KEY"
      put_lock --if-match "$etag"
      [[ -z $REFUSED ]] || die "another deploy of $PROJECT-$STAGE has just begun; run this again when it has ended"
      LOCKED_AT=$SECONDS
      say lock "taken over from a deploy that did not give it back: ${judgement#left }"
      ;;
  esac
}

# put_lock CONDITION…
put_lock() {
  FINE='NoSuchBucket|PreconditionFailed|ConditionalRequestConflict|nknown options' aws_write \
    s3api put-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" --body "$WORK/lock.json" "$@" >"$WORK/locked"
}

# at_end: nobody can have taken it over while it was ours; later it may be another's.
at_end() {
  [[ -n $LOCKED_AT ]] || return 0
  ((SECONDS - LOCKED_AT >= LOCK_S)) ||
    (aws_delete s3api delete-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" >"$WORK/unlocked") || :
}
