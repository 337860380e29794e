# shellcheck shell=bash
# The checks before a deploy's first write: this file asks AWS, and ops/checks.py decides.

CHECKS=$WORK/checks

# check_first: print what is as a deploy needs it and what is not, with the fix; fail when something is not.
check_first() {
  ask_for_checks
  if ! show_checks 2>"$CHECKS/lines"; then
    grep -v '^ok' "$CHECKS/lines" >&2 || :
    die "nothing was written: correct what is FAILED above"
  fi
  grep -v '^ok' "$CHECKS/lines" >&2 || :
  say ok "checks: $(grep -c '^ok' "$CHECKS/lines")"
}

# show_checks: print a line for each check.
show_checks() {
  python ops.checks "$CHECKS" "$(dirname "$SETTINGS_FILE")/secrets.env"
}

# ask_for_checks: write AWS's answers into $CHECKS; read_account must have run. A file stays empty where this user may not
# ask, or an emulator cannot answer.
ask_for_checks() {
  local setting found
  mkdir -p "$CHECKS"
  EXPECTED=. aws_find lambda get-account-settings \
    --query AccountLimit.UnreservedConcurrentExecutions >"$CHECKS/limit"
  : >"$CHECKS/subnets.json"
  : >"$CHECKS/groups.json"
  if [[ -n $SUBNET_IDS ]]; then
    EXPECTED=. aws_find ec2 describe-subnets --filters "Name=subnet-id,Values=$SUBNET_IDS" \
      --query Subnets >"$CHECKS/subnets.json"
    EXPECTED=. aws_find ec2 describe-security-groups --filters "Name=group-id,Values=$SECURITY_GROUP_IDS" \
      --query SecurityGroups >"$CHECKS/groups.json"
  fi
  : >"$CHECKS/present"
  for setting in SOURCE_SECRET WAREHOUSE_SECRET WAREHOUSE_OWNER_SECRET SLACK_SECRET; do
    [[ -n ${!setting} ]] || continue
    found=$(aws_find secretsmanager describe-secret --secret-id "${!setting}" --query Name)
    [[ -z $found ]] || printf '%s\n' "$setting" >>"$CHECKS/present"
  done
  export PUT_SECRETS=$OPTION_PUT_SECRETS
}
