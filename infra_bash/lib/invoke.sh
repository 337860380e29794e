# shellcheck shell=bash
# The invocation of functions. Only functions connect to the databases, which may be in a private network.

# yes: the invocations are idempotent, so that they are also retried after a transient error of the function itself.
REPEATABLE=no

# invoke NOUN EVENT: print the function's answer, or fail with its error.
invoke() {
  local function=$PROJECT-$STAGE-$1 answer attempt max
  answer=$(mktemp "$WORK/answer.XXXXXX")
  printf '%s' "$2" >"$answer.event"
  for ((attempt = 1; ; attempt++)); do
    # No function runs longer than 300 s. The CLI must not retry by itself: the function may have run already.
    AWS_MAX_ATTEMPTS=1 with_news "the function $1" no_more_news call_with_retries lambda invoke \
      --function-name "$function" --cli-read-timeout 310 --payload "fileb://$answer.event" "$answer" >"$answer.status"
    grep -q '"FunctionError"' "$answer.status" || break
    python ops.answers error <"$answer" >"$answer.error"
    max=0
    [[ $REPEATABLE == no ]] || max=$(python ops.cli.transient function "$function" <"$answer")
    wait_before_retry "$attempt" "$max" "$function" ||
      die "$(python ops.error_hints function "$function" <"$answer.error")$(retries_note "$attempt")"
  done
  cat "$answer"
}
