# shellcheck shell=bash disable=SC2034 # drill.sh reads the variables that are set here
# The faults of drill.sh: each is caused, repaired, and reported by one incident.

ANYWHERE=(dead-letters extract-silent load-silent)
LOCALLY=(
  oldest-message table-behind table-held rows-quarantined rows-waiting reconcile-differences freshness run-refused
  two-logs run-log-went-back table-damaged account-expires
)
# How long a message may take beyond the objective: an extraction, a load and three checks of watch.
PIPELINE_S=360
EVERY_S=2
# A message that is not a change message becomes a dead letter when its transform first receives it.
GARBAGE_S=60
# The table that most drills damage; a row of it is changed where something must be late.
TABLE=fact_payment
# The subject of the message where it is another table, or the whole stack.
declare -A SUBJECTS=(
  ["table-held"]=design ["freshness"]=dim_design ["reconcile-differences"]=dim_design
  ["extract-silent"]='' ["load-silent"]='' ["two-logs"]='' ["run-log-went-back"]='' ["account-expires"]=''
)

# require_late_republish: refuse settings with which watch republishes a lost message before the incident begins.
require_late_republish() {
  [[ $NAME != table-behind ]] || ((REASK_AFTER_S > FRESHNESS_OBJECTIVE_S)) ||
    refuse "a lost message is republished after REASK_AFTER_S=$REASK_AFTER_S s, before it becomes an incident after" \
      "FRESHNESS_OBJECTIVE_S=$FRESHNESS_OBJECTIVE_S s; set it longer and deploy"
}

# require_alerts: break nothing where the message that a drill waits for would reach nobody.
require_alerts() {
  local answer verb words
  answer=$(invoke alert '{"do":"check"}')
  answer=$(python ops.answers reach <<<"$answer")
  IFS=$'\t' read -r verb words <<<"$answer"
  [[ $verb != nobody ]] || die "nobody $words; nothing was broken"
}

now_ms() {
  date +%s%3N
}

cause_fault() {
  case $NAME in
    dead-letters) send_garbage ;;
    extract-silent) aws_write events disable-rule --name "$PROJECT-$STAGE-extract" ;;
    load-silent) stop_load ;;
    oldest-message)
      switch_source "transform-$TABLE" --no-enabled
      touch_source
      ;;
    table-behind) lose_message ;;
    freshness) python local.faults break table-held ;;
    reconcile-differences)
      python local.faults break "$NAME"
      reconcile
      ;;
    run-refused) refuse_run ;;
    account-expires) python local.expiring_account break ;;
    *) python local.faults break "$NAME" ;;
  esac
}

repair_fault() {
  case $NAME in
    dead-letters) drop_garbage ;;
    extract-silent) aws_write events enable-rule --name "$PROJECT-$STAGE-extract" ;;
    load-silent) start_load ;;
    oldest-message) switch_source "transform-$TABLE" --enabled ;;
    table-behind)
      switch_source "transform-$TABLE" --enabled
      invoke watch '{"do":"republish"}' >"$WORK/republished"
      ;;
    freshness) python local.faults repair table-held ;;
    reconcile-differences) reconcile ;;
    run-refused) restore_manifest ;;
    table-damaged) run_script resync.sh payment ;;
    account-expires) python local.expiring_account repair ;;
    *) python local.faults repair "$NAME" ;;
  esac
}

# wait_for_message begun|ended: wait until the alert function has sent it, by whichever channel.
wait_for_message() {
  wait_for "$((PIPELINE_S + FRESHNESS_OBJECTIVE_S))" "$EVERY_S" \
    "see infra_bash/logs.sh$(same_stack) watch, and alert" check_message "$1"
}

check_message() {
  is_notified "$1" && return 0
  [[ $OPTION_AT_ONCE == no ]] || invoke_now
  PENDING="no message that $NAME has $1"
}

is_notified() {
  aws_find logs filter-log-events --log-group-name "/aws/lambda/$PROJECT-$STAGE-alert" --start-time "$SINCE_MS" \
    --query 'events[].message' >"$WORK/messages"
  python ops.notified "$1" "${NAME//-/ }" "${SUBJECTS[$NAME]-$TABLE}" <"$WORK/messages"
}

# invoke_now: invoke the functions of the schedules. One that fails because of the drill has its error in its log.
invoke_now() {
  local noun
  for noun in extract load watch; do
    [[ $noun-silent == "$NAME" && $BROKEN == yes ]] || (invoke "$noun" '{}' >"$WORK/invoked" 2>&1) || :
  done
}

touch_source() {
  python local.faults touch "$NAME"
}

# switch_source FUNCTION --enabled|--no-enabled
switch_source() {
  local uuid
  uuid=$(aws_read lambda list-event-source-mappings --function-name "$PROJECT-$STAGE-$1" \
    --query 'EventSourceMappings[0].UUID' | rows)
  aws_write lambda update-event-source-mapping --uuid "$uuid" "$2" >"$WORK/source"
}

# run_script SCRIPT ARGUMENTS…: run another script on the same stack.
run_script() {
  local -a stack=(--local)
  [[ $IS_LOCAL == yes ]] || stack=(--settings "$SETTINGS_FILE")
  "$ROOT/infra_bash/$1" "${stack[@]}" "${@:2}" >"$WORK/printed" 2>"$WORK/said" || die "$(tail -n 1 "$WORK/said")"
}

# ---- dead letters: a message that is not a change message

send_garbage() {
  aws_write sqs send-message --queue-url "$(queue_url "$TABLE")" --message-body '{"drill": true}' >"$WORK/sent"
}

queue_url() {
  aws_read sqs get-queue-url --queue-name "$PROJECT-$STAGE-$1" --query QueueUrl --output text
}

# drop_garbage: delete the dead letter. In a drill that was interrupted the message may not have become one yet.
drop_garbage() {
  local until=$((SECONDS + GARBAGE_S))
  while [[ -e $WORK/sent ]]; do
    run_script retry.sh --drop "$TABLE"
    # It prints a line for each dead letter.
    if [[ -s $WORK/printed ]]; then
      rm "$WORK/sent"
      break
    fi
    ((SECONDS < until)) || die "the invalid message is not a dead letter after $GARBAGE_S s"
    sleep "$EVERY_S"
  done
}

# ---- the loader

stop_load() {
  aws_write events disable-rule --name "$PROJECT-$STAGE-load"
  [[ $LOAD_ON_MANIFEST != yes ]] || switch_source load --no-enabled
}

start_load() {
  aws_write events enable-rule --name "$PROJECT-$STAGE-load"
  [[ $LOAD_ON_MANIFEST != yes ]] || switch_source load --enabled
}

reconcile() {
  run_script reconcile.sh design
}

# ---- a run whose message is lost, or whose manifest is damaged

lose_message() {
  switch_source "transform-$TABLE" --no-enabled
  touch_source
  extract_now '{}' >"$WORK/run"
  aws_write sqs purge-queue --queue-url "$(queue_url "$TABLE")"
}

refuse_run() {
  local run
  PROCESSED=$PROJECT-$STAGE-processed-$ACCOUNT_ID
  stop_load
  touch_source
  run=$(extract_now '{}')
  MANIFEST=manifests/$(printf %08d "$run")/$TABLE.json
  keep_manifest
  printf 'a drill' >"$WORK/broken"
  replace_manifest "$WORK/broken"
  start_load
}

# replace_manifest FILE: the bucket refuses to overwrite, so the manifest is deleted first; its versions stay.
replace_manifest() {
  aws_write s3api delete-object --bucket "$PROCESSED" --key "$MANIFEST" >"$WORK/put"
  create_object "$PROCESSED" "$MANIFEST" "$1"
}

# keep_manifest: wait for the manifest, and keep a copy.
keep_manifest() {
  wait_for "$PIPELINE_S" "$EVERY_S" "see infra_bash/logs.sh$(same_stack) $TABLE" check_manifest
}

check_manifest() {
  aws_find s3api get-object --bucket "$PROCESSED" --key "$MANIFEST" "$WORK/manifest" >"$WORK/got"
  [[ -s $WORK/manifest ]] || PENDING="$MANIFEST does not exist yet"
}

# restore_manifest: a drill that was interrupted may not have damaged it, but has stopped the loader.
restore_manifest() {
  start_load
  [[ ! -e $WORK/broken ]] || replace_manifest "$WORK/manifest"
}
