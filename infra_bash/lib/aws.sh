# shellcheck shell=bash
# The doors to AWS: read, find, write. No script calls `aws` itself, and a dry run only leaves out the writes.

# The pinned one of this checkout, whose options are known to be there; TOTESTREAM_AWS names another (v1 or v2).
AWS_CLI=${TOTESTREAM_AWS:-$ROOT/.venv/bin/aws}
CLI_SOCKET=$WORK/cli
# What AWS answers when a thing is not there, and never when something else is wrong.
ABSENT='\((404|NoSuchBucketPolicy|NoSuchTagSet|NoSuchPublicAccessBlockConfiguration'
ABSENT+='|OwnershipControlsNotFoundError|ServerSideEncryptionConfigurationNotFoundError'
ABSENT+='|NoSuchEntity|ResourceNotFoundException|NotFound|NoSuchBucket|NoSuchKey'
ABSENT+='|AWS\.SimpleQueueService\.NonExistentQueue|QueueDoesNotExist)\)'

# call_aws ARGUMENTS…: version 1 forgets AWS_ENDPOINT_URL for SQS and would ask the real AWS: always say it.
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

# aws_find ARGUMENTS…: the answer, or nothing when there is no such thing.
aws_find() {
  local problem
  problem=$(mktemp "$WORK/problem.XXXXXX")
  call_aws "$@" 2>"$problem" || grep -qE "$ABSENT" "$problem" || die "$(what_failed "$problem" "$@")"
}

# aws_write ARGUMENTS…: the answer, which few want.
aws_write() {
  [[ $DRY_RUN == yes ]] || aws_read "$@"
}

# aws_write_patiently PATTERN ARGUMENTS…: again, for a minute, while the refusal matches: what was just made or
# deleted is not known everywhere at once.
aws_write_patiently() {
  [[ $DRY_RUN == yes ]] || aws_patiently "$@"
}

aws_patiently() {
  local pattern=$1 problem attempt
  shift
  problem=$(mktemp "$WORK/problem.XXXXXX")
  for attempt in {1..35}; do
    call_aws "$@" 2>"$problem" && return
    grep -qE "$pattern" "$problem" || break
    ((attempt > 1)) || say wait "until AWS is ready for $1 $2"
    sleep 2
  done
  die "$(what_failed "$problem" "$@")"
}

# what_failed FILE SERVICE OPERATION…: one line.
what_failed() {
  local words
  words=$(tr -s '\n' ' ' <"$1")
  words=${words# }
  printf '%s %s: %s' "$2" "$3" "${words:-the AWS CLI ended without a word}"
}

# know_account: whose account this is; exports ACCOUNT_ID.
know_account() {
  ACCOUNT_ID=$(aws_read sts get-caller-identity --query Account --output text)
  export ACCOUNT_ID
}
