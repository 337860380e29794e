# shellcheck shell=bash
# One role per function, with exactly its rights.

ensure_roles() {
  # One answer holds every role with its policies: forty reads the less.
  aws_read iam get-account-authorization-details --filter Role \
    --query "{RoleDetailList: RoleDetailList[?starts_with(RoleName, '$PROJECT-$STAGE-')]}" >"$HAVE/roles.json"
  read_interfaces
  settle roles put_role
  settle role_policies put iam put-role-policy
  settle attached_policies put_attached_policy
  say_if_interfaces_are_left
}

# put_attached_policy VERDICT ROLE ARN: none is wanted, so the verdict is `delete`.
put_attached_policy() {
  aws_delete iam detach-role-policy --role-name "$2" --policy-arn "$3"
}

put_role() {
  if [[ $1 == create ]]; then
    put iam create-role "$@"
  else
    aws_write iam update-assume-role-policy --cli-input-json "$(request role_trusts "$2")"
  fi
}
