# shellcheck shell=bash disable=SC2034 # wait_for reads PENDING
# The dead letters of one warehouse table, TABLE: received, checked by its transform, retried or dropped, and followed.

LETTERS=$WORK/letters
# The visibility timeout of a letter that is received: enough to check and resend a thousand. After that, as when retry.sh
# was killed, it becomes visible again; a message that is sent twice has no further effect.
HIDE_S=900
# A transform without a backlog takes seconds; after a transient error it retries within a minute.
FOLLOW_S=120
# How long to wait for another retry: it needs some seconds, and then follows what it has sent.
WAIT_S=$((FOLLOW_S + 60))
declare -A FOLLOWED=()
STAYS=0
IS_RUNNING=no

# find_queues: set QUEUE_URL and DEAD_LETTER_URL.
find_queues() {
  QUEUE_URL=$(find_queue "$PROJECT-$STAGE-$TABLE")
  DEAD_LETTER_URL=$(find_queue "$PROJECT-$STAGE-$TABLE-dlq")
  mkdir -p "$LETTERS/received" "$LETTERS/checked" "$LETTERS/ledger"
  # In a subshell, as in lambda.sh.
  trap '(return_letters); clean_up' EXIT
}

find_queue() {
  local url
  url=$(aws_find sqs get-queue-url --queue-name "$1" --query QueueUrl --output text)
  [[ -n $url ]] || die "queue $1 does not exist; run infra_bash/deploy.sh$(same_stack)"
  printf '%s' "$url"
}

# receive_letters: receive all that are visible. When there are none, and another retry.sh holds some, wait: those that it
# keeps become visible again.
receive_letters() {
  ROUNDS=0
  wait_for "$WAIT_S" 0 \
    "if it was killed they become visible within $((HIDE_S / 60)) minutes: run this again then" receive_visible_letters
}

receive_visible_letters() {
  local hidden
  RECEIVED=yes
  while [[ $RECEIVED == yes ]]; do
    receive "$LETTERS/received/$(printf '%06d' "$ROUNDS").json" "$HIDE_S"
    [[ $RECEIVED == no ]] || ROUNDS=$((ROUNDS + 1))
  done
  ((ROUNDS == 0)) || return 0
  hidden=$(count_hidden)
  ((hidden == 0)) || PENDING="another retry.sh holds $hidden dead letters of $TABLE"
}

count_hidden() {
  aws_read sqs get-queue-attributes --queue-url "$DEAD_LETTER_URL" --attribute-names ApproximateNumberOfMessagesNotVisible \
    --query Attributes.ApproximateNumberOfMessagesNotVisible --output text
}

# receive FILE HIDE_S: receive at most ten letters; RECEIVED says whether there were any. With a wait time SQS reads all
# its servers.
receive() {
  aws_read sqs receive-message --queue-url "$DEAD_LETTER_URL" --max-number-of-messages 10 --wait-time-seconds 1 \
    --visibility-timeout "$2" --message-attribute-names All --attribute-names All >"$1"
  RECEIVED=no
  ! grep -q '"Messages"' "$1" || RECEIVED=yes
}

# list_letters: print a line for each to stdout. From here on they are returned however the script ends.
list_letters() {
  python ops.dead_letters list "$LETTERS" "$QUEUE_URL" "$DEAD_LETTER_URL" "$EPOCHSECONDS"
}

# check_letters: have the table's transform check their runs; one call checks as many as it has time for.
check_letters() {
  local event number=0
  while true; do
    event=$(python ops.dead_letters check_event "$LETTERS")
    [[ -n $event ]] || break
    number=$((number + 1))
    invoke "transform-$TABLE" "$event" >"$WORK/checked"
    mv "$WORK/checked" "$LETTERS/checked/$(printf '%06d' "$number").json"
  done
}

# query_ledger: read from the warehouse whether it still needs the runs that would fail again. Without an answer their
# letters are kept.
query_ledger() {
  local event no_answer
  event=$(python ops.dead_letters ledger_event "$LETTERS" "$TABLE")
  [[ -n $event ]] || return 0
  invoke inspect "$event" >"$LETTERS/ledger/000001.json"
  no_answer=$(python ops.dead_letters ledger_problem "$LETTERS")
  [[ -z $no_answer ]] || say wait "the warehouse cannot say which of them it still needs: $no_answer"
}

# apply_decisions: call apply_DECISION ID KEY WORDS for each letter.
apply_decisions() {
  local decision id key words
  python ops.dead_letters decisions "$LETTERS" "$TABLE" >"$LETTERS/decisions"
  while IFS=$'\t' read -r decision id key words <&3; do
    "apply_$decision" "$id" "$key" "$words"
  done 3<"$LETTERS/decisions"
}

# apply_redrive: send the message, then delete the letter. If the script is killed in between, the duplicate has no effect.
apply_redrive() {
  require_running
  aws_write sqs send-message --cli-input-json "file://$LETTERS/send/$1.json" >/dev/null
  delete_letter "$1"
  report redrive "$3"
  [[ $2 == - || $DRY_RUN == yes ]] || FOLLOWED[$2]=$3
}

# apply_useless: delete the letter with --drop, else keep it. It names no run of this log, or one that the warehouse does
# not need. Watch republishes what is missing.
apply_useless() {
  if [[ $OPTION_DROP == yes ]]; then
    delete_letter "$1"
    report drop "$3"
  else
    apply_keep "$1" "$2" "$3; --drop deletes it"
  fi
}

# apply_keep: keep the letter; return_letters makes it visible.
apply_keep() {
  STAYS=$((STAYS + 1))
  report keep "$3"
}

delete_letter() {
  aws_write sqs delete-message --cli-input-json "file://$LETTERS/delete/$1.json" >/dev/null
  [[ $DRY_RUN == yes ]] || rm "$LETTERS/return/$1.json"
}

# report VERB WORDS
report() {
  if [[ $DRY_RUN == yes ]]; then
    say would "$*"
  else
    say "$@"
  fi
}

# require_running: fail where no transform consumes the queue, so that a message that is sent would stay there.
require_running() {
  local state
  [[ $IS_RUNNING == no && $DRY_RUN == no ]] || return 0
  state=$(aws_find lambda list-event-source-mappings --function-name "$PROJECT-$STAGE-transform-$TABLE" \
    --query 'EventSourceMappings[0].State' | rows)
  case $state in
    '') die "no function consumes the queue of $TABLE; run infra_bash/deploy.sh$(same_stack)" ;;
    Disabled | Disabling) die "$TABLE is paused; run infra_bash/resume.sh$(same_stack) first" ;;
  esac
  IS_RUNNING=yes
}

# return_letters: make the letters that are kept visible at once. It runs at the end of the script and must not fail:
# other letters become visible by themselves.
return_letters() {
  local file
  for file in "$LETTERS"/return/*.json; do
    [[ -e $file ]] || break
    call_aws sqs change-message-visibility --cli-input-json "file://$file" >"$WORK/given" 2>&1 ||
      say wait "a dead letter could not be returned; it becomes visible by itself within $((HIDE_S / 60)) minutes"
  done
}

# follow_letters: wait until each manifest exists, or its message is a dead letter again. FOLLOWED keeps the others.
follow_letters() {
  wait_for "$FOLLOW_S" 1 '' check_sent_letters
}

check_sent_letters() {
  ((${#FOLLOWED[@]} == 0)) || check_manifests
  ((${#FOLLOWED[@]} == 0)) || check_failures
  ((${#FOLLOWED[@]} == 0)) || PENDING="redriven messages that no transform has finished: ${#FOLLOWED[@]}"
}

check_manifests() {
  local key bucket=$PROJECT-$STAGE-processed-$ACCOUNT_ID found
  for key in "${!FOLLOWED[@]}"; do
    found=$(aws_find s3api head-object --bucket "$bucket" --key "$key" --query ContentLength)
    [[ -n $found ]] || continue
    say ok "${FOLLOWED[$key]}: $key exists"
    unset "FOLLOWED[$key]"
  done
}

# check_failures: receive new dead letters without hiding them. The letters that are kept are still hidden.
check_failures() {
  local key words
  mkdir -p "$WORK/again/received"
  receive "$WORK/again/received/new.json" 0
  python ops.dead_letters failures "$WORK/again" "$TABLE" >"$WORK/again/lines"
  while IFS=$'\t' read -r key words <&3; do
    [[ -v FOLLOWED[$key] ]] || continue
    say again "${FOLLOWED[$key]} is a dead letter again: $words"
    STAYS=$((STAYS + 1))
    unset "FOLLOWED[$key]"
  done 3<"$WORK/again/lines"
}
