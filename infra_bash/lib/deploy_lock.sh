# shellcheck shell=bash
# One deploy of a stage at a time: a deploy holds an object in the ingestion bucket, which is created conditionally.

LOCK_KEY=deploy/lock.json
# All waits of a deploy together take less than forty minutes, so an older lock was left by a deploy that was killed.
LOCK_S=3600
LOCKED_AT=

# lock_stack: fail while another deploy holds the lock. Before the bucket exists there is nothing to lock.
lock_stack() {
  local etag assessment
  [[ $DRY_RUN == no && -z $LOCKED_AT ]] || return 0
  python ops.deploy_lock new $$ "$LOCK_S" >"$WORK/lock.json"
  put_lock --if-none-match '*'
  case $REFUSED in
    '') LOCKED_AT=$SECONDS ;;
    *NoSuchBucket*) ;;
    *"nknown options"*) say warn "no lock against other deploys: this AWS CLI is too old for put-object --if-none-match" ;;
    *)
      etag=$(aws_find s3api get-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" "$WORK/held.json" --query ETag --output text)
      # The lock was released just now.
      [[ -n $etag ]] || die "another deploy of $PROJECT-$STAGE has just ended; run this again"
      assessment=$(python ops.deploy_lock assess <"$WORK/held.json")
      [[ $assessment == stale* ]] ||
        die "another deploy of $PROJECT-$STAGE is running: ${assessment#held }. Run this again when it has ended;" \
          "if you know that it was killed, first: aws s3 rm s3://$(ingestion_bucket)/$LOCK_KEY"
      put_lock --if-match "$etag"
      [[ -z $REFUSED ]] || die "another deploy of $PROJECT-$STAGE has just begun; run this again when it has ended"
      LOCKED_AT=$SECONDS
      say lock "taken over from a deploy that did not release it: ${assessment#stale }"
      ;;
  esac
}

# put_lock CONDITION…
put_lock() {
  EXPECTED='NoSuchBucket|PreconditionFailed|ConditionalRequestConflict|nknown options' aws_write \
    s3api put-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" --body "$WORK/lock.json" "$@" >"$WORK/locked"
}

# at_end: release the lock, unless it is so old that another deploy may have taken it over.
at_end() {
  [[ -n $LOCKED_AT ]] || return 0
  ((SECONDS - LOCKED_AT >= LOCK_S)) ||
    (aws_delete s3api delete-object --bucket "$(ingestion_bucket)" --key "$LOCK_KEY" >"$WORK/unlocked") || :
}
