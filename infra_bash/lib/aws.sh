# shellcheck shell=bash
# The doors to AWS: read, find, write. No script calls `aws` itself, and a dry run only leaves out the writes.

# The pinned one of this checkout, whose options are known to be there; TOTESTREAM_AWS names another (v1 or v2).
AWS_CLI=${TOTESTREAM_AWS:-$ROOT/.venv/bin/aws}
CLI_SOCKET=$WORK/cli
# Newer ones would word errors as the person's configuration says, and might ask at the terminal.
export AWS_CLI_ERROR_FORMAT=legacy AWS_CLI_AUTO_PROMPT=off
# What AWS answers when a thing is not there, and never when something else is wrong.
ABSENT='\((404|NoSuchBucketPolicy|NoSuchTagSet|NoSuchPublicAccessBlockConfiguration'
ABSENT+='|OwnershipControlsNotFoundError|ServerSideEncryptionConfigurationNotFoundError'
ABSENT+='|NoSuchEntity|ResourceNotFound(Exception)?|NotFound(Exception)?|DashboardNotFoundError|NoSuchBucket|NoSuchKey'
ABSENT+='|AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)\)'
# What AWS answers when something else has not let go of a thing yet.
IN_USE='\((ResourceInUse|ResourceConflict|OperationAborted|ConcurrentModification|DeleteConflict)'

# call_aws ARGUMENTS…: version 1 forgets AWS_ENDPOINT_URL for SQS, a version 2 before 2.13 always, and would ask the
# real AWS: always say it.
call_aws() {
  local -a endpoint=()
  [[ -z ${AWS_ENDPOINT_URL-} ]] || endpoint=(--endpoint-url "$AWS_ENDPOINT_URL")
  if [[ -S $CLI_SOCKET ]]; then
    "$PYTHON" -I -S "$ROOT/infra_bash/lib/cli_client.py" "$CLI_SOCKET" "${endpoint[@]}" --output json "$@"
  else
    "$AWS_CLI" "${endpoint[@]}" --output json "$@"
  fi
}

# keep_cli_loaded: for scripts with many calls. Until it is there, and if it never is, each call is a new `aws`.
keep_cli_loaded() {
  if [[ -z ${TOTESTREAM_AWS-} ]]; then
    "$PYTHON" -P -m infra_bash.lib.cli_server "$CLI_SOCKET" 2>"$WORK/cli_server" &
    CLI_SERVER=$!
    disown "$CLI_SERVER"
  fi
}

# aws_read ARGUMENTS…: the answer.
aws_read() {
  local problem
  problem=$(mktemp "$WORK/problem.XXXXXX")
  call_aws "$@" 2>"$problem" || die "$(what_failed "$problem" "$@")"
}

# aws_read_each FILE: its lines are where an answer goes and the call, with tabs. The kept CLI makes them all in one
# process, which saves two thirds of each.
aws_read_each() {
  local problem line
  local -a call
  if [[ -S $CLI_SOCKET ]]; then
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
  local problem
  problem=$(mktemp "$WORK/problem.XXXXXX")
  call_aws "$@" 2>"$problem" || grep -qE "$ABSENT${FINE:+|$FINE}" "$problem" || die "$(what_failed "$problem" "$@")"
}

# aws_write ARGUMENTS…: the answer, which few want.
aws_write() {
  [[ $DRY_RUN == yes ]] || aws_read "$@"
}

# aws_write_patiently PATTERN ARGUMENTS…: again, for PATIENCE_S, while the refusal matches: what was just made or
# deleted is not known everywhere at once. A refusal that matches FINE is as good as done, and left in REFUSED.
aws_write_patiently() {
  REFUSED=''
  [[ $DRY_RUN == yes ]] || aws_patiently "$@"
}

aws_patiently() {
  local pattern=$1 problem attempt most=$((${PATIENCE_S:-70} / 2))
  shift
  problem=$(mktemp "$WORK/problem.XXXXXX")
  for ((attempt = 1; attempt <= most; attempt++)); do
    call_aws "$@" 2>"$problem" && return
    if [[ -n ${FINE-} ]] && grep -qE "$FINE" "$problem"; then
      # shellcheck disable=SC2034 # whoever calls reads it
      REFUSED=$(<"$problem")
      return
    fi
    grep -qE "$pattern" "$problem" || die "$(what_failed "$problem" "$@")"
    ((attempt > 1)) || say wait "until AWS is ready for $1 $2, at most ${PATIENCE_S:-70} s"
    sleep 2
  done
  die "$(what_failed "$problem" "$@"). Still so after ${PATIENCE_S:-70} s: run $SCRIPT again later${OR-}"
}

# aws_delete ARGUMENTS…: fine when it is gone already, which REFUSED then says; patient while it is still in use.
aws_delete() {
  FINE=$ABSENT aws_write_patiently "$IN_USE" "$@"
}

# what_failed FILE SERVICE OPERATION…: one line, with what to do.
what_failed() {
  python infra_bash.lib.advice call "$2 $3" <"$1"
}

# know_account: whose account this is; exports ACCOUNT_ID.
know_account() {
  ACCOUNT_ID=$(aws_read sts get-caller-identity --query Account --output text)
  export ACCOUNT_ID
}

# ingestion_bucket: its name, once the account is known.
ingestion_bucket() {
  printf '%s-%s-ingestion-%s' "$PROJECT" "$STAGE" "$ACCOUNT_ID"
}
