# shellcheck shell=bash
# Functions do what needs a database: scripts never open a connection, for it may be private.

# yes: what is asked may be asked twice, so that an error of a function that passes is waited for, too.
REPEATABLE=no

# invoke NOUN EVENT: the function's answer, or its own words when it failed.
invoke() {
  local function=$PROJECT-$STAGE-$1 answer attempt most
  answer=$(mktemp "$WORK/answer.XXXXXX")
  printf '%s' "$2" >"$answer.event"
  for ((attempt = 1; ; attempt++)); do
    # No function runs longer than 300 s. What the CLI would try again by itself may have run already.
    AWS_MAX_ATTEMPTS=1 call_patiently lambda invoke \
      --function-name "$function" --cli-read-timeout 310 --payload "fileb://$answer.event" "$answer" >"$answer.status"
    grep -q '"FunctionError"' "$answer.status" || break
    python ops.answers error <"$answer" >"$answer.error"
    most=0
    [[ $REPEATABLE == no ]] || most=$(python ops.cli.transient function "$function" <"$answer.error")
    wait_again "$attempt" "$most" "$function" ||
      die "$(python ops.error_hints function "$function" <"$answer.error")$(still_so "$attempt")"
  done
  cat "$answer"
}
