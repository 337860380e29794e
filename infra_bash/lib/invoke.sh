# shellcheck shell=bash
# Functions do what needs a database: scripts never open a connection, for it may be private.

# invoke NOUN EVENT: the function's answer, or its own words when it failed. Once only: a repeat is for whoever knows that it is harmless.
invoke() {
  local function=$PROJECT-$STAGE-$1 answer
  answer=$(mktemp "$WORK/answer.XXXXXX")
  printf '%s' "$2" >"$answer.event"
  # No function runs longer than 300 s. A call of too many at once is refused before it runs.
  AWS_MAX_ATTEMPTS=1 aws_patiently 'state: Pending|TooManyRequestsException' lambda invoke \
    --function-name "$function" --cli-read-timeout 310 --payload "fileb://$answer.event" "$answer" >"$answer.status"
  if grep -q '"FunctionError"' "$answer.status"; then
    python infra_bash.lib.answers error <"$answer" >"$answer.error"
    die "$(python infra_bash.lib.advice function "$function" <"$answer.error")"
  fi
  cat "$answer"
}
