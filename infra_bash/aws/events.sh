# shellcheck shell=bash
# The schedules.

# ensure_new_rules: those that are not there. A rule without a target starts nothing, and its first interval begins now:
# so it is over when the deploy looks for what the schedule has done.
ensure_new_rules() {
  local verdict name
  [[ $DRY_RUN == no ]] || return 0
  read_rules
  # shellcheck disable=SC2034 # put reads it
  KIND=rules
  compare rules
  while IFS=$'\t' read -r verdict name _ <&3; do
    [[ $verdict == create ]] || continue
    put events put-rule create "$name" >/dev/null
    say create "rule $name"
  done 3<"$STATE/rules.verdicts"
}

read_rules() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" >"$HAVE/rules.json"
}

ensure_rules() {
  read_rules
  apply rules put events put-rule
}

ensure_rule_targets() {
  local name
  mkdir -p "$HAVE/rule_targets"
  for name in $(names_of rule_targets); do
    aws_find events list-targets-by-rule --rule "$name" >"$HAVE/rule_targets/$name.json"
  done
  apply rule_targets put_targets
}

# end_pause: whoever deploys wants it to run.
end_pause() {
  local since
  since=$(paused_since)
  [[ -n $since ]] || return 0
  forget_pause
  say resume "the flow, paused since $since UTC"
}

# put_targets VERDICT NAME WHAT: AWS answers success also when it refused some.
put_targets() {
  local refused
  refused=$(put events put-targets "$@" --query FailedEntryCount)
  [[ ${refused:-0} == 0 ]] || die "events put-targets: $refused targets of $2 were refused"
}

names_of_rules_on() {
  aws_read events list-rules --name-prefix "$PROJECT-$STAGE-" --query "Rules[?State=='ENABLED'].Name" | rows
}
