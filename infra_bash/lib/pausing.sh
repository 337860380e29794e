# shellcheck shell=bash
# The pause of the pipeline: of its schedules and event sources. A pause is recorded as an object in the ingestion bucket,
# so that watch does not report it as an incident.

# switch_pipeline off|on ARGUMENTS…: the whole of pause.sh and resume.sh.
switch_pipeline() {
  local since schedules sources
  read_arguments "${@:2}"
  load_settings
  require_venv
  keep_cli_loaded
  read_account
  require_stack
  since=$(paused_since)
  if [[ $1 == off ]]; then
    [[ -n $since ]] || record_pause
    schedules=$(switch_schedules disable-rule)
    sources=$(switch_sources --no-enabled)
    say pause "$schedules schedules and $sources event sources"
    [[ -z $since ]] || say ok "it was paused already, since $since UTC"
  else
    sources=$(switch_sources --enabled)
    schedules=$(switch_schedules enable-rule)
    [[ -z $since ]] || forget_pause
    say resume "$schedules schedules and $sources event sources${since:+, paused since $since UTC}"
  fi
  [[ $DRY_RUN == no ]] || say ok "a dry run: nothing was written"
}

# record_pause: write the record of the pause, with the current time.
record_pause() {
  TZ=UTC printf '{"since": "%(%F %T)T"}' -1 >"$WORK/pause"
  aws_write s3api put-object --bucket "$(ingestion_bucket)" --key health/paused.json --body "$WORK/pause" >"$WORK/put"
}

# paused_since: print since when the pipeline is paused, or nothing.
paused_since() {
  local found
  found=$(aws_find s3api get-object --bucket "$(ingestion_bucket)" --key health/paused.json "$WORK/paused.json")
  [[ -z $found ]] || python ops.screens.paused <"$WORK/paused.json"
}

# require_not_paused: for scripts whose changes would not arrive while the pipeline is paused.
require_not_paused() {
  local since
  read_account
  since=$(paused_since)
  [[ -z $since ]] || die "the pipeline is paused since $since UTC; run infra_bash/resume.sh$(same_stack) first"
}

# schedules_that_are STATE: print the rules that are ENABLED or DISABLED, except that of watch, which is not paused.
schedules_that_are() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" \
    --query "Rules[?State=='$1' && Name!='$PROJECT-$STAGE-watch'].Name" | rows
}

# sources_that_are STATE…: print the UUIDs of our functions' event sources in one of these states.
sources_that_are() {
  local state query=''
  for state in "$@"; do
    query+="${query:+ || }State=='$state'"
  done
  aws_read lambda list-event-source-mappings \
    --query "EventSourceMappings[?contains(FunctionArn, ':function:$PROJECT-$STAGE-') && ($query)].UUID" | rows
}

# require_stack: fail if the stack has no schedule, so that there is nothing to pause.
require_stack() {
  local rules
  rules=$(aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" --query 'Rules[].Name' | rows)
  [[ -n $rules ]] ||
    die "there is no schedule $PROJECT-$STAGE-…: the stack does not exist, or only a part of it; run infra_bash/deploy.sh$(same_stack)"
}

# switch_sources --enabled|--no-enabled: print how many were changed. An event source that is Updating is waited for.
switch_sources() {
  local uuid count=0
  local -a states=(Enabled Enabling Updating Creating) uuids
  [[ $1 == --no-enabled ]] || states=(Disabled Disabling)
  read -ra uuids <<<"$(sources_that_are "${states[@]}" | tr '\n' ' ')"
  for uuid in "${uuids[@]}"; do
    aws_write lambda update-event-source-mapping --uuid "$uuid" "$1" >"$WORK/mapping"
    count=$((count + 1))
  done
  printf '%s' "$count"
}

# switch_schedules enable-rule|disable-rule: print how many were changed.
switch_schedules() {
  local name state=ENABLED count=0
  local -a names
  [[ $1 == disable-rule ]] || state=DISABLED
  read -ra names <<<"$(schedules_that_are "$state" | tr '\n' ' ')"
  for name in "${names[@]}"; do
    aws_write events "$1" --name "$name" >"$WORK/rule"
    count=$((count + 1))
  done
  printf '%s' "$count"
}

# forget_pause: delete the record of the pause.
forget_pause() {
  aws_write s3api delete-object --bucket "$(ingestion_bucket)" --key health/paused.json >"$WORK/forgotten"
}
