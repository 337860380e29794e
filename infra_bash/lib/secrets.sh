# shellcheck shell=bash
# The databases' logins. Their content goes from a private file to AWS in a private file: never by argv.

PUT_SECRETS=no

# ensure_secrets: make what is missing; what is there is only put again when --put-secrets says so.
ensure_secrets() {
  local setting name found
  for setting in $(names_of secrets); do
    name=${!setting}
    found=$(aws_find secretsmanager describe-secret --secret-id "$name" --query ARN --output text)
    if [[ -z $found ]]; then
      put_secret create-secret "$setting"
      say create "secret $name"
    elif [[ $PUT_SECRETS == yes ]]; then
      put_secret put-secret-value "$setting"
      say update "secret $name"
    else
      say ok "secret $name"
    fi
  done
}

# put_secret OPERATION SETTING
put_secret() {
  python infra_bash.lib.secret_values "$(dirname "$SETTINGS_FILE")/secrets.env" "$1" "$2" \
    "$STATE/secrets/$2.json" >"$WORK/$2.secret.json"
  aws_write secretsmanager "$1" --cli-input-json "file://$WORK/$2.secret.json" >/dev/null
  rm "$WORK/$2.secret.json"
}
