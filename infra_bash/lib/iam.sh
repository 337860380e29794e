# shellcheck shell=bash
# One role per function, with exactly its rights.

ensure_roles() {
  read_roles
  read_interfaces
  settle roles put_role
  settle role_boundaries put_boundary
  settle role_policies put iam put-role-policy
  settle attached_policies put_attached_policy
  say_if_interfaces_are_left
}

# put_attached_policy VERDICT ROLE ARN: none is wanted, so the verdict is `delete`.
put_attached_policy() {
  aws_delete iam detach-role-policy --role-name "$2" --policy-arn "$3"
}

# read_roles [PREFIX]: with their policies, those of this stack unless others are named. Three calls a role and one a policy, as the only call that has
# all of it, get-account-authorization-details, shows whoever may make it the rights of the whole account.
read_roles() {
  local prefix=${1:-$PROJECT-$STAGE-}
  mkdir -p "$HAVE/role_parts"
  aws_read iam list-roles --query "Roles[?starts_with(RoleName, '$prefix')].RoleName" >"$HAVE/role_names.json"
  python ops.stack.role_parts roles "$HAVE" >"$WORK/role_calls"
  aws_read_each "$WORK/role_calls"
  python ops.stack.role_parts policies "$HAVE" >"$WORK/role_calls"
  aws_read_each "$WORK/role_calls"
  python ops.stack.role_parts joined "$HAVE" >"$HAVE/roles.json"
}

put_role() {
  if [[ $1 == create ]]; then
    put iam create-role "$@"
  else
    aws_write iam update-assume-role-policy --cli-input-json "$(request role_trusts "$2")"
  fi
}

# put_boundary VERDICT NAME WHAT: a role is made with its boundary; this is for one that was there before.
put_boundary() {
  put iam put-role-permissions-boundary "$@"
}
