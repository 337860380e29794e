# shellcheck shell=bash
# Whether each schedule starts its function. What it has started names the rule in the line that ends it in the log.

# CloudWatch shows a line some seconds after it was said.
LATE_S=30
# AWS takes five minutes of difference between this machine's clock and its own.
CLOCKS_DIFFER_S=300

# note_looks: what was there before is no proof of what was put since. Called when all is put.
note_looks() {
  local rule function interval_s change
  [[ $DRY_RUN == no ]] || return 0
  python ops.schedules plan "$STATE" >"$WORK/schedules"
  while IFS=$'\t' read -r rule function interval_s change _ <&3; do
    [[ $change != changed ]] || newest_look "$rule" "$function" "$interval_s" >"$WORK/before.$rule"
  done 3<"$WORK/schedules"
}

# newest_look RULE FUNCTION INTERVAL_S: its time in the log's milliseconds, 0 when there was none in two intervals.
newest_look() {
  local since_s=$((EPOCHSECONDS - 2 * $3 - LATE_S - CLOCKS_DIFFER_S))
  aws_find logs filter-log-events --log-group-name "/aws/lambda/$2" --start-time "${since_s}000" \
    --filter-pattern "{ \$.rule = \"$1\" }" >"$WORK/looks.$1"
  python ops.schedules newest "$1" <"$WORK/looks.$1"
}

# prove_schedules: one that was seen at work before counts, where nothing was put that it needs.
prove_schedules() {
  local rule function interval_s change when until
  local -a seen=()
  until=$SECONDS
  while IFS=$'\t' read -r rule function interval_s change when <&4; do
    if is_seen "$rule" "$function" "$interval_s" "$change" "$((until + 2 * interval_s + LATE_S))"; then
      seen+=("$rule")
    else
      say later "schedule $rule: $when; infra_bash/logs.sh$(same_stack) ${function#"$PROJECT-$STAGE-"} shows it"
    fi
  done 4<"$WORK/schedules"
  ((${#seen[@]} == 0)) || say ok "schedules at work: ${seen[*]}"
}

# is_seen RULE FUNCTION INTERVAL_S STATE UNTIL: false when it is not waited for.
is_seen() {
  local before=0 newest said=no
  [[ ! -e $WORK/before.$1 ]] || before=$(<"$WORK/before.$1")
  while true; do
    # In a condition errexit would not end it.
    newest=$(newest_look "$1" "$2" "$3") || exit 1
    ((newest <= before)) || return 0
    (($3 > 0)) && [[ $WAIT_FOR_SCHEDULES == yes ]] || return 1
    ((SECONDS < $5)) ||
      die "the schedule $1 has not started $2 in $((2 * $3 + LATE_S)) s, though it works when it is invoked; look at" \
        "the rule's FailedInvocations in CloudWatch, and with infra_bash/logs.sh$(same_stack) ${2#"$PROJECT-$STAGE-"}"
    [[ $said == yes ]] || say wait "for schedule $1 to start $2, at most $((2 * $3 + LATE_S)) s"
    said=yes
    sleep 2
  done
}
