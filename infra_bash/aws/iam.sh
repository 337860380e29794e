# shellcheck shell=bash
# The role of each function, and its policies.

ensure_roles() {
  read_roles
  read_interfaces
  apply roles put_role
}

ensure_role_boundaries() {
  apply role_boundaries put_boundary
}

ensure_role_policies() {
  apply role_policies put iam put-role-policy
}

ensure_attached_policies() {
  apply attached_policies put_attached_policy
  report_remaining_interfaces
}

# put_attached_policy ACTION ROLE ARN: no managed policy is desired, so the action is always `delete`.
put_attached_policy() {
  remove_attached_policy "$2/$3"
}

# read_roles [PREFIX]: read the roles with this prefix, by default the stack's, and their policies. It takes three calls a
# role and one a policy: the one call that returns all, get-account-authorization-details, would need the right to see the
# rights of the whole account.
read_roles() {
  local prefix=${1:-$PROJECT-$STAGE-}
  mkdir -p "$ACTUAL/role_parts"
  aws_read iam list-roles --query "Roles[?starts_with(RoleName, '$prefix')].RoleName" >"$ACTUAL/role_names.json"
  python ops.stack.role_parts roles "$ACTUAL" >"$WORK/role_calls"
  aws_read_each "$WORK/role_calls"
  python ops.stack.role_parts policies "$ACTUAL" >"$WORK/role_calls"
  aws_read_each "$WORK/role_calls"
  python ops.stack.role_parts joined "$ACTUAL" >"$ACTUAL/roles.json"
}

put_role() {
  if [[ $1 == create ]]; then
    put iam create-role "$@"
  else
    aws_write iam update-assume-role-policy --cli-input-json "$(request role_trusts "$2")"
  fi
}

# put_boundary ACTION NAME DETAIL: set the boundary of a role that exists; a new role is created with it.
put_boundary() {
  put iam put-role-permissions-boundary "$@"
}

# list_iam: read what of this service the stack has, for teardown.
list_iam() {
  read_roles
}

# remove_role_policy ROLE/POLICY
remove_role_policy() {
  aws_delete iam delete-role-policy --role-name "${1%%/*}" --policy-name "${1#*/}"
}

# remove_attached_policy ROLE/ARN
remove_attached_policy() {
  aws_delete iam detach-role-policy --role-name "${1%%/*}" --policy-arn "${1#*/}"
}

remove_role() {
  aws_delete iam delete-role --role-name "$1"
}
