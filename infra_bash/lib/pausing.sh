# shellcheck shell=bash
# The flow's switch: the schedules and the event sources. That it is off is also written in the ingestion bucket, for
# those who look and would be alarmed.

# paused_since: when; nothing while the flow is on.
paused_since() {
  local found
  found=$(aws_find s3api get-object --bucket "$(ingestion_bucket)" --key health/paused.json "$WORK/paused.json")
  [[ -z $found ]] || python ops.screens.paused <"$WORK/paused.json"
}

# require_flow: for what would not arrive otherwise.
require_flow() {
  local since
  know_account
  since=$(paused_since)
  [[ -z $since ]] || die "the flow is paused since $since UTC; run infra_bash/resume.sh$(same_stack) first"
}

# schedules_that_are STATE: ENABLED or DISABLED; without watch, which goes on looking.
schedules_that_are() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" \
    --query "Rules[?State=='$1' && Name!='$PROJECT-$STAGE-watch'].Name" | rows
}

# sources_that_are STATE…: UUIDs of our functions' event sources in one of these states.
sources_that_are() {
  local state query=''
  for state in "$@"; do
    query+="${query:+ || }State=='$state'"
  done
  aws_read lambda list-event-source-mappings \
    --query "EventSourceMappings[?contains(FunctionArn, ':function:$PROJECT-$STAGE-') && ($query)].UUID" | rows
}

# require_stack: there is a switch to turn.
require_stack() {
  local rules
  rules=$(aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" --query 'Rules[].Name' | rows)
  [[ -n $rules ]] ||
    die "there is no schedule $PROJECT-$STAGE-…: the stack is not there, or only in part; run infra_bash/deploy.sh$(same_stack)"
}

# turn_sources ON|OFF: --enabled or --no-enabled. AWS changes one thing of an event source after the other.
turn_sources() {
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

# turn_schedules enable-rule|disable-rule
turn_schedules() {
  local name state=ENABLED count=0
  local -a names
  [[ $1 == disable-rule ]] || state=DISABLED
  read -ra names <<<"$(schedules_that_are "$state" | tr '\n' ' ')"
  for name in "${names[@]}"; do
    aws_write events "$1" --name "$name"
    count=$((count + 1))
  done
  printf '%s' "$count"
}

# forget_pause: the flow is on.
forget_pause() {
  aws_write s3api delete-object --bucket "$(ingestion_bucket)" --key health/paused.json >"$WORK/forgotten"
}
