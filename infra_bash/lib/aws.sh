# shellcheck shell=bash
# The functions that call AWS: read, find, write. No script calls `aws` itself, and a dry run leaves out only writes.

# The pinned CLI of this checkout, whose options are known; TOTESTREAM_AWS names another (version 1 or 2).
AWS_CLI=${TOTESTREAM_AWS:-$ROOT/.venv/bin/aws}
CLI_SOCKET=$WORK/cli
# Newer CLIs format errors as the person's configuration says, and may prompt at the terminal.
export AWS_CLI_ERROR_FORMAT=legacy AWS_CLI_AUTO_PROMPT=off
# The errors by which AWS says that a resource does not exist, and nothing else.
ABSENT='\((404|NoSuchBucketPolicy|NoSuchTagSet|NoSuchPublicAccessBlockConfiguration|NoSuchLifecycleConfiguration'
ABSENT+='|OwnershipControlsNotFoundError|ServerSideEncryptionConfigurationNotFoundError'
ABSENT+='|NoSuchEntity|ResourceNotFound(Exception)?|NotFound(Exception)?|DashboardNotFoundError|NoSuchBucket|NoSuchKey'
ABSENT+='|AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)\)'
# Set for one call: a pattern of errors that are no failure, and what the message of a failure adds.
EXPECTED=''
HINT=''
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

# call_aws ARGUMENTS…: run the CLI, always with --endpoint-url: version 1 ignores AWS_ENDPOINT_URL for SQS, and version 2
# before 2.13 for every service, so that it would call the real AWS.
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

# keep_cli_loaded: start a process that makes the calls, for scripts with many. Until it listens, each call is a new `aws`.
keep_cli_loaded() {
  if [[ -z ${TOTESTREAM_AWS-} ]]; then
    "$PYTHON" -P -m ops.cli.server "$CLI_SOCKET" 2>"$WORK/cli_server" &
    CLI_SERVER=$!
    disown "$CLI_SERVER"
  fi
}

# aws_read ARGUMENTS…: print the answer.
aws_read() {
  call_with_retries "$@"
}

# aws_read_each FILE: make the calls that the file lists: lines of the file for the answer and the call, with tabs. The
# loaded CLI makes them all in one process, which saves two thirds of the time.
aws_read_each() {
  local problem line
  local -a call
  if [[ -S $CLI_SOCKET ]]; then
    while [[ $TRACE == yes ]] && IFS=$'\t' read -ra call <&3; do
      trace_call "${call[@]:1}"
    done 3<"$1"
    problem=$(mktemp "$WORK/problem.XXXXXX")
    call_aws --each "$1" 2>"$problem" || die "$(failure_of "$problem" several calls)"
    return
  fi
  while IFS= read -r line <&3; do
    IFS=$'\t' read -ra call <<<"$line"
    aws_read "${call[@]:1}" >"${call[0]}"
  done 3<"$1"
}

# aws_find ARGUMENTS…: print the answer; nothing when the resource does not exist or the error matches EXPECTED.
aws_find() {
  EXPECTED=$ABSENT${EXPECTED:+|$EXPECTED} call_with_retries "$@"
}

# rows: print the JSON answer on stdin as lines. In a text answer --query is applied to each page separately.
rows() {
  python ops.cli.rows
}

# aws_write ARGUMENTS…: print the answer. An error that matches EXPECTED is no failure; its text is then in REFUSED.
aws_write() {
  REFUSED=''
  if [[ $DRY_RUN == no ]]; then
    call_with_retries "$@"
  elif [[ $TRACE == yes ]]; then
    trace_call "$@"
  fi
}

# aws_delete ARGUMENTS…: delete a resource. It is no failure if it does not exist; REFUSED then has the error.
aws_delete() {
  EXPECTED=$ABSENT aws_write "$@"
}

# call_with_retries SERVICE OPERATION ARGUMENTS…: retry every 2 s after a transient error (ops/cli/transient.py).
call_with_retries() {
  local problem attempt max
  problem=$(mktemp "$WORK/problem.XXXXXX")
  for ((attempt = 1; ; attempt++)); do
    call_aws "$@" 2>"$problem" && return
    if [[ -n $EXPECTED ]] && grep -qE "$EXPECTED" "$problem"; then
      # shellcheck disable=SC2034 # the caller reads it
      REFUSED=$(<"$problem")
      return
    fi
    max=$(python ops.cli.transient call "$1 $2" <"$problem")
    wait_before_retry "$attempt" "$max" "$1 $2" || break
  done
  die "$(failure_of "$problem" "$@")$(retries_note "$attempt")"
}

# wait_before_retry ATTEMPT MAX_S WHAT: wait 2 s; false when the error is permanent or MAX_S are over.
wait_before_retry() {
  (($1 * 2 < $2)) || return 1
  (($1 > 1)) || say wait "until AWS is ready for $3, at most $2 s"
  sleep 2
}

# retries_note ATTEMPTS: print what an error message adds after several attempts.
retries_note() {
  (($1 == 1)) || printf '. The error lasted for %s s: run %s again later%s' "$(($1 * 2))" "$SCRIPT" "$HINT"
}

# failure_of FILE SERVICE OPERATION…: print the error in one line, with how to fix it.
failure_of() {
  python ops.error_hints call "$2 $3" <"$1"
}

# read_account: export ACCOUNT_ID, CALLER (an ARN) and PARTITION (aws, aws-cn, aws-us-gov), its second field.
read_account() {
  local caller
  caller=$(aws_read sts get-caller-identity --query '[Account, Arn]' --output text)
  IFS=$' \t' read -r ACCOUNT_ID CALLER <<<"$caller"
  IFS=: read -r _ PARTITION _ <<<"$CALLER"
  export ACCOUNT_ID PARTITION CALLER
}

# ingestion_bucket: print its name; read_account must have run.
ingestion_bucket() {
  printf '%s-%s-ingestion-%s' "$PROJECT" "$STAGE" "$ACCOUNT_ID"
}
