# shellcheck shell=bash disable=SC2034 # what is set here, drill.sh reads
# The faults of drill.sh: one thing each that is broken, mended, and told of by one incident.

ANYWHERE=(dead-letters extract-silent load-silent)
LOCALLY=(
  oldest-message table-behind table-held rows-quarantined rows-waiting reconcile-differences freshness run-refused
  two-logs run-log-went-back table-damaged
)
# So long a message may take, beyond the objective: an extraction, a load and three looks of watch.
ROAD_S=360
EVERY_S=2
# A message that nobody understands is a dead letter at once, when its transform is called.
GARBAGE_S=60
# What a drill sets upon, and what is touched to have something to be late with.
TABLE=fact_payment
# What the message names where that is another table, or the whole stack.
declare -A SUBJECTS=(
  ["table-held"]=design ["freshness"]=dim_design ["reconcile-differences"]=dim_design
  ["extract-silent"]='' ["load-silent"]='' ["two-logs"]='' ["run-log-went-back"]=''
)

# require_patience: watch asks for a lost message again before anybody is called, where it waits for less.
require_patience() {
  [[ $NAME != table-behind ]] || ((REASK_AFTER_S > FRESHNESS_OBJECTIVE_S)) ||
    refuse "a lost message is asked for again after REASK_AFTER_S=$REASK_AFTER_S s, before anybody is called after" \
      "FRESHNESS_OBJECTIVE_S=$FRESHNESS_OBJECTIVE_S s; set it longer and deploy"
}

now_ms() {
  date +%s%3N
}

break_it() {
  case $NAME in
    dead-letters) send_garbage ;;
    extract-silent) aws_write events disable-rule --name "$PROJECT-$STAGE-extract" ;;
    load-silent) stop_load ;;
    oldest-message)
      turn_source "transform-$TABLE" --no-enabled
      touch_source
      ;;
    table-behind) lose_message ;;
    freshness) python local.faults break table-held ;;
    reconcile-differences)
      python local.faults break "$NAME"
      reconcile
      ;;
    run-refused) refuse_run ;;
    *) python local.faults break "$NAME" ;;
  esac
}

mend_it() {
  case $NAME in
    dead-letters) drop_garbage ;;
    extract-silent) aws_write events enable-rule --name "$PROJECT-$STAGE-extract" ;;
    load-silent) start_load ;;
    oldest-message) turn_source "transform-$TABLE" --enabled ;;
    table-behind)
      turn_source "transform-$TABLE" --enabled
      invoke watch '{"do":"ask"}' >"$WORK/asked"
      ;;
    freshness) python local.faults mend table-held ;;
    reconcile-differences) reconcile ;;
    run-refused) restore_manifest ;;
    table-damaged) run_script resync.sh payment ;;
    *) python local.faults mend "$NAME" ;;
  esac
}

# wait_for_message begun|ended: until the alert function has told of it, whichever way.
wait_for_message() {
  local longest_s until
  longest_s=$((ROAD_S + FRESHNESS_OBJECTIVE_S))
  until=$((SECONDS + longest_s))
  until is_told "$1"; do
    ((SECONDS < until)) || die "no message that $NAME has $1 within $longest_s s; look with infra_bash/logs.sh watch, and alert"
    [[ $AT_ONCE == no ]] || hurry
    sleep "$EVERY_S"
  done
}

is_told() {
  aws_find logs filter-log-events --log-group-name "/aws/lambda/$PROJECT-$STAGE-alert" --start-time "$SINCE_MS" \
    --query 'events[].message' >"$WORK/told"
  python ops.notified "$1" "${NAME//-/ }" "${SUBJECTS[$NAME]-$TABLE}" <"$WORK/told"
}

# hurry: what the schedules would do. Whoever is broken says so to the log.
hurry() {
  local noun
  for noun in extract load watch; do
    [[ $noun-silent == "$NAME" && $BROKEN == yes ]] || (invoke "$noun" '{}' >"$WORK/hurried" 2>&1) || :
  done
}

touch_source() {
  python local.faults touch "$NAME"
}

# turn_source FUNCTION --enabled|--no-enabled
turn_source() {
  local uuid
  uuid=$(aws_read lambda list-event-source-mappings --function-name "$PROJECT-$STAGE-$1" \
    --query 'EventSourceMappings[0].UUID' | rows)
  aws_write lambda update-event-source-mapping --uuid "$uuid" "$2" >"$WORK/source"
}

# run_script SCRIPT ARGUMENTS…: on the same stack.
run_script() {
  local -a stack=(--local)
  [[ $IS_LOCAL == yes ]] || stack=(--settings "$SETTINGS_FILE")
  "$ROOT/infra_bash/$1" "${stack[@]}" "${@:2}" >"$WORK/said" 2>&1 || die "$(tail -n 1 "$WORK/said")"
}

# ---- dead letters: a message that no transform understands

send_garbage() {
  aws_write sqs send-message --queue-url "$(queue_url "$TABLE")" --message-body '{"drill": true}' >"$WORK/sent"
}

queue_url() {
  aws_read sqs get-queue-url --queue-name "$PROJECT-$STAGE-$1" --query QueueUrl --output text
}

# drop_garbage: of a drill that was cut short it may still be on its way, and would be a dead letter when nobody looks.
drop_garbage() {
  local until=$((SECONDS + GARBAGE_S))
  while [[ -e $WORK/sent ]]; do
    run_script retry.sh --drop "$TABLE"
    if ! grep -q "no dead letters" "$WORK/said"; then
      rm "$WORK/sent"
      break
    fi
    ((SECONDS < until)) || die "the message that nobody understands is no dead letter after $GARBAGE_S s"
    sleep "$EVERY_S"
  done
}

# ---- the loader

stop_load() {
  aws_write events disable-rule --name "$PROJECT-$STAGE-load"
  [[ $LOAD_ON_MANIFEST != yes ]] || turn_source load --no-enabled
}

start_load() {
  aws_write events enable-rule --name "$PROJECT-$STAGE-load"
  [[ $LOAD_ON_MANIFEST != yes ]] || turn_source load --enabled
}

reconcile() {
  run_script reconcile.sh design
}

# ---- a run that is lost on its way, or refused

lose_message() {
  turn_source "transform-$TABLE" --no-enabled
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

# replace_manifest FILE: the bucket refuses to write over it, so it is deleted first; its versions stay.
replace_manifest() {
  aws_write s3api delete-object --bucket "$PROCESSED" --key "$MANIFEST" >"$WORK/put"
  create_object "$PROCESSED" "$MANIFEST" "$1"
}

# keep_manifest: as it is, once it is there.
keep_manifest() {
  local until=$((SECONDS + ROAD_S))
  until [[ -s $WORK/manifest ]]; do
    ((SECONDS < until)) || die "$MANIFEST is not there after $ROAD_S s; look with infra_bash/logs.sh$(same_stack) $TABLE"
    aws_find s3api get-object --bucket "$PROCESSED" --key "$MANIFEST" "$WORK/manifest" >"$WORK/got"
    sleep "$EVERY_S"
  done
}

# restore_manifest: a drill that was cut short may have damaged none, but it has stopped the loader.
restore_manifest() {
  start_load
  [[ ! -e $WORK/broken ]] || replace_manifest "$WORK/manifest"
}
