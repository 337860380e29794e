# shellcheck shell=bash
# The doors to AWS: read, find, write. No script calls `aws` itself, and a dry run only leaves out the writes.

# The pinned one of this checkout, whose options are known to be there; TOTESTREAM_AWS names another (v1 or v2).
AWS_CLI=${TOTESTREAM_AWS:-$ROOT/.venv/bin/aws}
CLI_SOCKET=$WORK/cli
# Newer ones would word errors as the person's configuration says, and might ask at the terminal.
export AWS_CLI_ERROR_FORMAT=legacy AWS_CLI_AUTO_PROMPT=off
# What AWS answers when a thing is not there, and never when something else is wrong.
ABSENT='\((404|NoSuchBucketPolicy|NoSuchTagSet|NoSuchPublicAccessBlockConfiguration|NoSuchLifecycleConfiguration'
ABSENT+='|OwnershipControlsNotFoundError|ServerSideEncryptionConfigurationNotFoundError'
ABSENT+='|NoSuchEntity|ResourceNotFound(Exception)?|NotFound(Exception)?|DashboardNotFoundError|NoSuchBucket|NoSuchKey'
ABSENT+='|AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)\)'
# With --trace each call is printed, in a dry run also the writes that are left out.
TRACE=no
exec {TRACE_OUTPUT}>&2

# trace_call ARGUMENTS…: print the call so that a shell can run it. A request's file is printed as its content, since
# $STATE is deleted at the end; no secret is in it. The files with secrets are in $WORK, and stay files.
trace_call() {
  local word line=aws
  [[ -z ${AWS_ENDPOINT_URL-} ]] || set -- --endpoint-url "$AWS_ENDPOINT_URL" "$@"
  for word in "$@"; do
    [[ ${STATE-} == '' || $word != "file://$STATE/"* || ! -e ${word#file://} ]] || word=$(<"${word#file://}")
    if [[ $word =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]]; then
      line+=" $word"
    else
      line+=" '${word//\'/\'\\\'\'}'"
    fi
  done
  printf '%s\n' "$line" >&"$TRACE_OUTPUT"
}

# call_aws ARGUMENTS…: version 1 forgets AWS_ENDPOINT_URL for SQS, a version 2 before 2.13 always, and would ask the
# real AWS: always say it.
call_aws() {
  local -a endpoint=()
  [[ -z ${AWS_ENDPOINT_URL-} ]] || endpoint=(--endpoint-url "$AWS_ENDPOINT_URL")
  [[ $TRACE == no || $1 == --each ]] || trace_call "$@"
  if [[ -S $CLI_SOCKET ]]; then
    "$PYTHON" -I -S "$ROOT/ops/cli/client.py" "$CLI_SOCKET" "${endpoint[@]}" --output json "$@"
  else
    "$AWS_CLI" "${endpoint[@]}" --output json "$@"
  fi
}

# keep_cli_loaded: for scripts with many calls. Until it is there, and if it never is, each call is a new `aws`.
keep_cli_loaded() {
  if [[ -z ${TOTESTREAM_AWS-} ]]; then
    "$PYTHON" -P -m ops.cli.server "$CLI_SOCKET" 2>"$WORK/cli_server" &
    CLI_SERVER=$!
    disown "$CLI_SERVER"
  fi
}

# aws_read ARGUMENTS…: the answer.
aws_read() {
  call_patiently "$@"
}

# aws_read_each FILE: its lines are where an answer goes and the call, with tabs. The kept CLI makes them all in one
# process, which saves two thirds of each.
aws_read_each() {
  local problem line
  local -a call
  if [[ -S $CLI_SOCKET ]]; then
    while [[ $TRACE == yes ]] && IFS=$'\t' read -ra call <&3; do
      trace_call "${call[@]:1}"
    done 3<"$1"
    problem=$(mktemp "$WORK/problem.XXXXXX")
    call_aws --each "$1" 2>"$problem" || die "$(what_failed "$problem" several calls)"
    return
  fi
  while IFS= read -r line <&3; do
    IFS=$'\t' read -ra call <<<"$line"
    aws_read "${call[@]:1}" >"${call[0]}"
  done 3<"$1"
}

# aws_find ARGUMENTS…: the answer, or nothing when there is no such thing, or the refusal matches FINE.
aws_find() {
  FINE=$ABSENT${FINE:+|$FINE} call_patiently "$@"
}

# rows: the JSON answer on stdin as lines. As text, --query would be applied to each page of a listing by itself.
rows() {
  python ops.cli.rows
}

# aws_write ARGUMENTS…: the answer, which few want. A refusal that matches FINE is as good as done, and left in REFUSED.
aws_write() {
  REFUSED=''
  if [[ $DRY_RUN == no ]]; then
    call_patiently "$@"
  elif [[ $TRACE == yes ]]; then
    trace_call "$@"
  fi
}

# aws_delete ARGUMENTS…: fine when it is gone already, which REFUSED then says.
aws_delete() {
  FINE=$ABSENT aws_write "$@"
}

# call_patiently SERVICE OPERATION ARGUMENTS…: again while AWS answers what passes by itself (passing.py), each 2 s.
call_patiently() {
  local problem attempt most
  problem=$(mktemp "$WORK/problem.XXXXXX")
  for ((attempt = 1; ; attempt++)); do
    call_aws "$@" 2>"$problem" && return
    if [[ -n ${FINE-} ]] && grep -qE "$FINE" "$problem"; then
      # shellcheck disable=SC2034 # whoever calls reads it
      REFUSED=$(<"$problem")
      return
    fi
    most=$(python ops.cli.transient call "$1 $2" <"$problem")
    wait_again "$attempt" "$most" "$1 $2" || break
  done
  die "$(what_failed "$problem" "$@")$(still_so "$attempt")"
}

# wait_again ATTEMPT MOST_S WHAT: false when there is nothing to wait for, or no longer.
wait_again() {
  (($1 * 2 < $2)) || return 1
  (($1 > 1)) || say wait "until AWS is ready for $3, at most $2 s"
  sleep 2
}

# still_so ATTEMPTS: what to add after so many.
still_so() {
  (($1 == 1)) || printf '. Still so after %s s: run %s again later%s' "$(($1 * 2))" "$SCRIPT" "${OR-}"
}

# what_failed FILE SERVICE OPERATION…: one line, with what to do.
what_failed() {
  python ops.error_hints call "$2 $3" <"$1"
}

# know_account: whose account this is, and of which partition, which the second word of the caller's ARN is: aws,
# aws-cn, aws-us-gov. Exports ACCOUNT_ID, PARTITION and CALLER.
know_account() {
  local caller
  caller=$(aws_read sts get-caller-identity --query '[Account, Arn]' --output text)
  IFS=$' \t' read -r ACCOUNT_ID CALLER <<<"$caller"
  IFS=: read -r _ PARTITION _ <<<"$CALLER"
  export ACCOUNT_ID PARTITION CALLER
}

# ingestion_bucket: its name, once the account is known.
ingestion_bucket() {
  printf '%s-%s-ingestion-%s' "$PROJECT" "$STAGE" "$ACCOUNT_ID"
}
