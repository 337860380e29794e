# shellcheck shell=bash
# One role per function, with exactly its rights.

ensure_roles() {
  # One answer holds every role with its policies: forty reads the less.
  aws_read iam get-account-authorization-details --filter Role \
    --query "{RoleDetailList: RoleDetailList[?starts_with(RoleName, '$PROJECT-$STAGE-')]}" >"$HAVE/roles.json"
  settle roles put_role
  settle role_policies put iam put-role-policy
  settle attached_policies put iam attach-role-policy
}

put_role() {
  if [[ $1 == create ]]; then
    put iam create-role "$@"
  else
    aws_write iam update-assume-role-policy --cli-input-json "$(request role_trusts "$2")"
  fi
}
