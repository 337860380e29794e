#!/usr/bin/env bash
# An `aws` for a whole deploy.sh: nothing is there yet, and every write succeeds. Notes each call in $RECORD/asked,
# and in $RECORD/secrets what Secrets Manager was sent.
printf '%s\n' "$*" >>"$RECORD/asked"
not_found() {
  printf 'An error occurred (NotFound): no such thing\n' >&2
  exit 254
}
case "$*" in
  *"get-caller-identity"*) printf '%s\t%s\n' 123456789012 arn:aws:iam::123456789012:user/me ;;
  *"create-secret"* | *"put-secret-value"*)
    request=${!#}
    cat "${request#file://}" >>"$RECORD/secrets"
    ;;
  *"publish-layer-version"*) echo arn:aws:lambda:eu-west-2:123456789012:layer:totestream-test-libraries:1 ;;
  *"put-targets"*) echo 0 ;;
  *"lambda invoke"*"-migrate"*) printf '{"did": [], "notes": [], "counts": {}}' >"${!#}" ;;
  *"lambda invoke"*"-extract"*) printf '{"run": 1, "busy": false}' >"${!#}" ;;
  *"lambda invoke"*"-alert"*) printf '{"via": "nobody", "reason": "neither is set"}' >"${!#}" ;;
  *"lambda invoke"*"-inspect"*) printf '{"loaded_run": 1, "comparable": true, "tables": []}' >"${!#}" ;;
  *" get-"*"notification-configuration"* | *" list-"*"--query "[!"{"]* | *" list-objects-v2 "*) ;;
  *"list-buckets"*) echo '{"Buckets": []}' ;;
  *"list-roles"*) echo '[]' ;;
  *"describe-log-groups"*) echo '{"logGroups": []}' ;;
  *"describe-alarms"*) echo '{"MetricAlarms": []}' ;;
  *"list-functions"*) echo '{"Functions": []}' ;;
  *"list-event-source-mappings"*) echo '{"EventSourceMappings": []}' ;;
  *"filter-log-events"*)
    rule=$(grep -oE '\$\.rule = "[a-z-]+"' <<<"$*")
    printf '{"events": [{"timestamp": 4102444800000, "message": "{\\"rule\\": \\"%s\\"}"}]}' "$(cut -d '"' -f 2 <<<"$rule")"
    ;;
  *"list-rules"*) echo '{"Rules": []}' ;;
  *" get-"* | *" describe-"* | *" list-"*) not_found ;;
esac
