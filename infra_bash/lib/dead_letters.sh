# shellcheck shell=bash
# The dead letters of one warehouse table, TABLE: taken, judged by its transform, settled, followed.

LETTERS=$WORK/letters
# Who takes a letter hides it from others. A thousand are judged and sent on in that time; past it they come back by
# themselves, as after a retry that was killed, and sent twice is once.
HIDE_S=900
# A transform that is not behind takes seconds; when a transient error meets it, it tries again within a minute.
FOLLOW_S=120
# Another retry that is at work is waited for: it needs some seconds, and then follows what it has sent.
WAIT_S=$((FOLLOW_S + 60))
declare -A FOLLOWED=()
STAYS=0
IS_RUNNING=no

# find_queues: of TABLE, into QUEUE_URL and DEAD_LETTER_URL.
find_queues() {
  QUEUE_URL=$(find_queue "$PROJECT-$STAGE-$TABLE")
  DEAD_LETTER_URL=$(find_queue "$PROJECT-$STAGE-$TABLE-dlq")
  mkdir -p "$LETTERS/taken" "$LETTERS/judged" "$LETTERS/ledger"
  # In a shell of its own, as in lambda.sh. It must not fail, and what it does not give back comes back by itself.
  trap '(give_back_letters); clean_up' EXIT
}

find_queue() {
  local url
  url=$(aws_find sqs get-queue-url --queue-name "$1" --query QueueUrl --output text)
  [[ -n $url ]] || die "queue $1 is not there; run infra_bash/deploy.sh"
  printf '%s' "$url"
}

# take_letters: all that can be seen. When there is none and another retry has some, it is waited for: what it keeps is
# seen again then.
take_letters() {
  local hidden before=0 until=$((SECONDS + WAIT_S))
  TAKEN_ROUNDS=0
  while true; do
    receive "$LETTERS/taken/$(printf '%06d' "$TAKEN_ROUNDS").json" "$HIDE_S"
    if [[ $RECEIVED == yes ]]; then
      TAKEN_ROUNDS=$((TAKEN_ROUNDS + 1))
      continue
    fi
    ((TAKEN_ROUNDS == 0)) || return 0
    hidden=$(count_hidden)
    ((hidden > 0)) || return 0
    ((SECONDS < until)) ||
      die "another retry.sh has $hidden dead letters of $TABLE; if it was killed they come back within $((HIDE_S / 60))" \
        "minutes: run this again then"
    ((hidden == before)) || say wait "for another retry.sh, which has $hidden dead letters of $TABLE"
    before=$hidden
  done
}

count_hidden() {
  aws_read sqs get-queue-attributes --queue-url "$DEAD_LETTER_URL" --attribute-names ApproximateNumberOfMessagesNotVisible \
    --query Attributes.ApproximateNumberOfMessagesNotVisible --output text
}

# receive FILE HIDE_S: at most ten, of all servers of the queue; RECEIVED says whether there was any.
receive() {
  aws_read sqs receive-message --queue-url "$DEAD_LETTER_URL" --max-number-of-messages 10 --wait-time-seconds 1 \
    --visibility-timeout "$2" --message-attribute-names All --attribute-names All >"$1"
  RECEIVED=no
  ! grep -q '"Messages"' "$1" || RECEIVED=yes
}

# list_letters: a line each, on stdout. From here on they are given back, whatever happens.
list_letters() {
  python ops.dead_letters list "$LETTERS" "$QUEUE_URL" "$DEAD_LETTER_URL" "$EPOCHSECONDS"
}

# judge_letters: by the table's own function, which takes as many runs at once as it has time for.
judge_letters() {
  local event number=0
  while true; do
    event=$(python ops.dead_letters unjudged "$LETTERS")
    [[ -n $event ]] || break
    number=$((number + 1))
    invoke "transform-$TABLE" "$event" >"$WORK/judgement"
    mv "$WORK/judgement" "$LETTERS/judged/$(printf '%06d' "$number").json"
  done
}

# ask_ledger: whether the warehouse still needs those that would fail again. One that does not answer keeps them.
ask_ledger() {
  local event no_answer
  event=$(python ops.dead_letters doubtful "$LETTERS" "$TABLE")
  [[ -n $event ]] || return 0
  invoke inspect "$event" >"$LETTERS/ledger/000001.json"
  no_answer=$(python ops.dead_letters unanswered "$LETTERS")
  [[ -z $no_answer ]] || say wait "the warehouse cannot say which of them it still needs: $no_answer"
}

# settle_letters: FATE_letter ID KEY WORDS for each.
settle_letters() {
  local fate id key words
  python ops.dead_letters fates "$LETTERS" "$TABLE" >"$LETTERS/fates"
  while IFS=$'\t' read -r fate id key words <&3; do
    "${fate}_letter" "$id" "$key" "$words"
  done 3<"$LETTERS/fates"
}

# redrive_letter: sent before it is deleted: killed in between it is there twice, which is once.
redrive_letter() {
  require_running
  aws_write sqs send-message --cli-input-json "file://$LETTERS/send/$1.json" >/dev/null
  forget_letter "$1"
  tell redrive "$3"
  [[ $2 == - || $DRY_RUN == yes ]] || FOLLOWED[$2]=$3
}

# never_letter: one that is of no use: it names no run of this log, or one that the warehouse is done with. What is
# missing watch asks for again.
never_letter() {
  if [[ $DROP == yes ]]; then
    forget_letter "$1"
    tell drop "$3"
  else
    keep_letter "$1" "$2" "$3; --drop deletes it"
  fi
}

keep_letter() {
  STAYS=$((STAYS + 1))
  tell keep "$3"
}

forget_letter() {
  aws_write sqs delete-message --cli-input-json "file://$LETTERS/delete/$1.json" >/dev/null
  [[ $DRY_RUN == yes ]] || rm "$LETTERS/back/$1.json"
}

# tell VERB WORDS
tell() {
  if [[ $DRY_RUN == yes ]]; then
    say would "$*"
  else
    say "$@"
  fi
}

# require_running: what is sent to a queue that nobody takes from would only lie elsewhere.
require_running() {
  local state
  [[ $IS_RUNNING == no && $DRY_RUN == no ]] || return 0
  state=$(aws_find lambda list-event-source-mappings --function-name "$PROJECT-$STAGE-transform-$TABLE" \
    --query 'EventSourceMappings[0].State' | rows)
  case $state in
    '') die "nothing takes from the queue of $TABLE; run infra_bash/deploy.sh$(same_stack)" ;;
    Disabled | Disabling) die "$TABLE is paused; run infra_bash/resume.sh$(same_stack) first" ;;
  esac
  IS_RUNNING=yes
}

# give_back_letters: those that stay, at once. At the end of the script: it must not fail.
give_back_letters() {
  local file
  for file in "$LETTERS"/back/*.json; do
    [[ -e $file ]] || break
    call_aws sqs change-message-visibility --cli-input-json "file://$file" >"$WORK/given" 2>&1 ||
      say wait "a dead letter was not given back, and comes by itself within $((HIDE_S / 60)) minutes"
  done
}

# follow_letters: until each manifest is there, or its message is a dead letter again.
follow_letters() {
  local until=$((SECONDS + FOLLOW_S))
  while ((${#FOLLOWED[@]} > 0)); do
    see_arrivals
    ((${#FOLLOWED[@]} > 0)) || break
    see_failures
    ((SECONDS < until)) || break
    sleep 1
  done
}

see_arrivals() {
  local key bucket=$PROJECT-$STAGE-processed-$ACCOUNT_ID found
  for key in "${!FOLLOWED[@]}"; do
    found=$(aws_find s3api head-object --bucket "$bucket" --key "$key" --query ContentLength)
    [[ -n $found ]] || continue
    say ok "${FOLLOWED[$key]}: $key is there"
    unset "FOLLOWED[$key]"
  done
}

# see_failures: looked at without hiding them; those that stay are still hidden, so what is seen is new.
see_failures() {
  local key words
  mkdir -p "$WORK/again/taken"
  receive "$WORK/again/taken/new.json" 0
  python ops.dead_letters again "$WORK/again" "$TABLE" >"$WORK/again/lines"
  while IFS=$'\t' read -r key words <&3; do
    [[ -v FOLLOWED[$key] ]] || continue
    say again "${FOLLOWED[$key]} is a dead letter again: $words"
    STAYS=$((STAYS + 1))
    unset "FOLLOWED[$key]"
  done 3<"$WORK/again/lines"
}
