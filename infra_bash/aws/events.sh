# shellcheck shell=bash
# The schedules.

# ensure_new_rules: create the rules that do not exist. A rule without a target starts nothing, but its first interval
# begins now, so that it is over when the deploy checks that the schedule has started its function.
ensure_new_rules() {
  local action name
  [[ $DRY_RUN == no ]] || return 0
  read_rules
  # shellcheck disable=SC2034 # put reads it
  KIND=rules
  compare rules
  while IFS=$'\t' read -r action name _ <&3; do
    [[ $action == create ]] || continue
    put events put-rule create "$name" >/dev/null
    say create "rule $name"
  done 3<"$STATE/rules.diff"
}

read_rules() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" >"$ACTUAL/rules.json"
}

ensure_rules() {
  read_rules
  apply rules put events put-rule
}

# read_rule_targets: read the targets of each of our rules.
read_rule_targets() {
  local name
  mkdir -p "$ACTUAL/rule_targets"
  for name in $(names_of rule_targets); do
    aws_find events list-targets-by-rule --rule "$name" >"$ACTUAL/rule_targets/$name.json"
  done
}

ensure_rule_targets() {
  read_rule_targets
  apply rule_targets put_targets
}

# end_pause: end a pause, because a deploy starts the pipeline.
end_pause() {
  local since
  since=$(paused_since)
  [[ -n $since ]] || return 0
  forget_pause
  say resume "the pipeline, paused since $since UTC"
}

# put_targets ACTION NAME DETAIL: fail if AWS refused targets, which it reports in the answer of a successful call.
put_targets() {
  local refused
  refused=$(put events put-targets "$@" --query FailedEntryCount)
  [[ ${refused:-0} == 0 ]] || die "events put-targets: $refused targets of $2 were refused"
}

names_of_rules_on() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" --query "Rules[?State=='ENABLED'].Name" | rows
}

# list_events: read what of this service the stack has, for teardown.
list_events() {
  read_rules
}

# remove_rule_target RULE/ID
remove_rule_target() {
  aws_delete events remove-targets --rule "${1%/*}" --ids "${1#*/}"
}

remove_rule() {
  local -a targets
  aws_find events list-targets-by-rule --rule "$1" --query 'Targets[].Id' | rows >"$WORK/targets"
  mapfile -t targets <"$WORK/targets"
  ((${#targets[@]} == 0)) || aws_delete events remove-targets --rule "$1" --ids "${targets[@]}"
  aws_delete events delete-rule --name "$1"
}
