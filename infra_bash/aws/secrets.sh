# shellcheck shell=bash
# The databases' logins, and Slack's webhook. Their content goes to AWS in a private file, never as an argument.

OPTION_PUT_SECRETS=no

# ensure_secrets: create or restore missing secrets; write existing ones only with --put-secrets.
ensure_secrets() {
  local setting found
  for setting in $(names_of secrets); do
    found=$(aws_find secretsmanager describe-secret --secret-id "${!setting}" \
      --query "DeletedDate && 'deleted' || 'exists'" --output text)
    case $found$OPTION_PUT_SECRETS in
      deleted*) restore_secret "$setting" ;;
      existsyes) put_secret "$setting" ;;
      existsno) say ok "secret ${!setting}" ;;
      *) create_secret "$setting" ;;
    esac
  done
}

create_secret() {
  write_secret create-secret "$1"
  send_secret create-secret "$1"
  note_webhook "$1"
  say create "secret ${!1}"
}

put_secret() {
  write_secret put-secret-value "$1"
  send_secret put-secret-value "$1"
  note_webhook "$1"
  say update "secret ${!1}"
}

# restore_secret SETTING: restore a secret that is scheduled for deletion, and write its content if there is one.
restore_secret() {
  write_secret restore-secret "$1"
  EXPECTED=$ABSENT aws_write secretsmanager restore-secret --secret-id "${!1}" >/dev/null
  if [[ -n $REFUSED ]]; then
    create_secret "$1"
    return
  fi
  [[ ! -s $WORK/$1.secret.json ]] || send_secret put-secret-value "$1"
  say update "secret ${!1} (restored)"
}

# note_webhook SETTING: a new webhook gets a test message.
note_webhook() {
  [[ $1 != SLACK_SECRET ]] || touch "$WORK/new_webhook"
}

# write_secret OPERATION SETTING: write the request with the content into $WORK, which only its owner can read.
write_secret() {
  python ops.secret_values "$(dirname "$SETTINGS_FILE")/secrets.env" "$1" "$2" \
    "$STATE/secrets/$2.json" >"$WORK/$2.secret.json"
}

# send_secret OPERATION SETTING: send the request that write_secret has written, and delete its file.
send_secret() {
  aws_write secretsmanager "$1" --cli-input-json "file://$WORK/$2.secret.json" >/dev/null
  rm "$WORK/$2.secret.json"
}

# list_secrets: read what of this service the stack has, for teardown.
list_secrets() {
  local name
  aws_read secretsmanager list-secrets --include-planned-deletion >"$ACTUAL/secrets.json"
  mkdir -p "$ACTUAL/secrets"
  # That list lags by minutes.
  for name in $(names_of secrets); do
    aws_find secretsmanager describe-secret --secret-id "${!name}" >"$ACTUAL/secrets/$name.json"
  done
}

# Without recovery: the next deploy needs the name again.
remove_secret() {
  aws_delete secretsmanager delete-secret --force-delete-without-recovery --secret-id "$1"
}
