# shellcheck shell=bash
# The check that each schedule starts its function: the last log line of an invocation names the rule that started it.

# CloudWatch returns a line some seconds after it was written.
LATE_S=30
# AWS accepts a difference of five minutes between this machine's clock and its own.
CLOCKS_DIFFER_S=300

# record_last_starts: remember the last start of each changed schedule, which does not prove the change. Called when all
# changes are made.
record_last_starts() {
  local rule function interval_s change
  [[ $DRY_RUN == no ]] || return 0
  python ops.schedules plan "$STATE" >"$WORK/schedules"
  while IFS=$'\t' read -r rule function interval_s change _ <&3; do
    [[ $change != changed ]] || newest_start "$rule" "$function" "$interval_s" >"$WORK/before.$rule"
  done 3<"$WORK/schedules"
}

# newest_start RULE FUNCTION INTERVAL_S: print the time of the last start in ms since 1970; 0: none in two intervals.
newest_start() {
  local since_s=$((EPOCHSECONDS - 2 * $3 - LATE_S - CLOCKS_DIFFER_S))
  aws_find logs filter-log-events --log-group-name "/aws/lambda/$2" --start-time "${since_s}000" \
    --filter-pattern "{ \$.rule = \"$1\" }" >"$WORK/looks.$1"
  python ops.schedules newest "$1" <"$WORK/looks.$1"
}

# prove_schedules: wait until each schedule has started its function. A start from before this deploy counts, unless the
# deploy has changed the schedule.
prove_schedules() {
  local rule function interval_s change when limit_s advice began=$SECONDS
  local -a seen=()
  while IFS=$'\t' read -r rule function interval_s change when <&4; do
    limit_s=0
    advice=''
    if ((interval_s > 0)) && [[ $WAIT_FOR_SCHEDULES == yes ]]; then
      limit_s=$((began + 2 * interval_s + LATE_S - SECONDS))
      advice="it works when it is invoked, so look at the rule's FailedInvocations in CloudWatch, and with"
      advice+=" infra_bash/logs.sh$(same_stack) ${function#"$PROJECT-$STAGE-"}"
    fi
    wait_for "$limit_s" 2 "$advice" check_start "$rule" "$function" "$interval_s"
    if [[ -z $PENDING ]]; then
      seen+=("$rule")
    else
      say later "schedule $rule: $when; infra_bash/logs.sh$(same_stack) ${function#"$PROJECT-$STAGE-"} shows it"
    fi
  done 4<"$WORK/schedules"
  ((${#seen[@]} == 0)) || say ok "schedules at work: ${seen[*]}"
}

# check_start RULE FUNCTION INTERVAL_S
check_start() {
  local before=0 newest
  [[ ! -e $WORK/before.$1 ]] || before=$(<"$WORK/before.$1")
  newest=$(newest_start "$1" "$2" "$3")
  ((newest > before)) || PENDING="schedule $1 has not started $2 yet"
}
