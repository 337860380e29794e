# shellcheck shell=bash
# GitHub's OIDC provider, the roles of its workflows, and the boundary of the roles that they make.

PROVIDER_HOST=token.actions.githubusercontent.com

# read_github: read the ARNs from the requests, and the existing resources from AWS.
read_github() {
  local version
  { read -r PROVIDER_ARN && read -r BOUNDARY_ARN; } <"$STATE/github.arns"
  aws_find iam get-open-id-connect-provider --open-id-connect-provider-arn "$PROVIDER_ARN" >"$ACTUAL/provider.json"
  version=$(aws_find iam get-policy --policy-arn "$BOUNDARY_ARN" --query Policy.DefaultVersionId --output text)
  [[ -z $version ]] || aws_read iam get-policy-version --policy-arn "$BOUNDARY_ARN" --version-id "$version" >"$ACTUAL/boundary.json"
  read_roles "github-$PROJECT-$STAGE-"
}

# ensure_github: create or repair the resources. The boundary of PERMISSIONS_BOUNDARY belongs to others, so none is made.
ensure_github() {
  apply providers put_provider
  [[ -n $PERMISSIONS_BOUNDARY ]] || apply boundaries put_boundary_policy
  apply github_roles put_github_role
  apply github_policies put_github_policy
}

put_provider() {
  case $1 in
    create) put iam create-open-id-connect-provider "$@" ;;
    update) aws_write iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn "$PROVIDER_ARN" --client-id "$3" ;;
  esac
}

# put_boundary_policy ACTION NAME DETAIL: create the policy or a new version, of which AWS keeps five at most.
put_boundary_policy() {
  if [[ $1 == create ]]; then
    put iam create-policy "$@"
    return
  fi
  delete_old_versions
  aws_write iam create-policy-version --cli-input-json "$(request boundary_versions "$2")"
}

delete_old_versions() {
  local version
  # shellcheck disable=SC2016 # `false` is JMESPath
  aws_find iam list-policy-versions --policy-arn "$BOUNDARY_ARN" \
    --query 'Versions[?IsDefaultVersion==`false`].[VersionId]' | rows >"$WORK/versions"
  while read -r version <&4; do
    aws_delete iam delete-policy-version --policy-arn "$BOUNDARY_ARN" --version-id "$version"
  done 4<"$WORK/versions"
}

put_github_role() {
  if [[ $1 == create ]]; then
    aws_write iam create-role --cli-input-json "$(request github_roles "$2")"
  else
    aws_write iam update-assume-role-policy --cli-input-json "$(request github_trusts "$2")"
  fi
}

# put_github_policy ACTION NAME DETAIL: write our policy, or delete one of others, whose NAME is ROLE/POLICY.
put_github_policy() {
  case $1$3 in
    deleteinline) remove_role_policy "$2" ;;
    deleteattached) remove_attached_policy "$2" ;;
    *) put iam put-role-policy "$@" ;;
  esac
}

# remove_github: remove the boundary once no role has it, and the provider unless other roles use it.
remove_github() {
  local name users
  for name in $(names_of github_roles); do
    [[ ! -e $ACTUAL/role_parts/$name.get-role.json ]] || remove_github_role "$name"
  done
  [[ ! -s $ACTUAL/boundary.json || -n $PERMISSIONS_BOUNDARY ]] || remove_boundary
  [[ -s $ACTUAL/provider.json ]] || return 0
  users=$(aws_read iam list-roles \
    --query "Roles[?contains(to_string(AssumeRolePolicyDocument), '$PROVIDER_HOST') && !starts_with(RoleName, 'github-$PROJECT-$STAGE-')].RoleName" | rows)
  if [[ -n $users ]]; then
    say stays "provider $PROVIDER_HOST (used by ${users//$'\n'/, })"
    return
  fi
  aws_delete iam delete-open-id-connect-provider --open-id-connect-provider-arn "$PROVIDER_ARN"
  say delete "provider $PROVIDER_HOST"
}

# remove_github_role NAME: delete the role with its policies.
remove_github_role() {
  local policy
  for policy in "$ACTUAL/role_parts/$1.policy."*.json; do
    [[ -e $policy ]] || continue
    policy=${policy##*.policy.}
    remove_role_policy "$1/${policy%.json}"
  done
  aws_find iam list-attached-role-policies --role-name "$1" --query 'AttachedPolicies[].PolicyArn' | rows >"$WORK/attached"
  while read -r policy <&4; do
    remove_attached_policy "$1/$policy"
  done 4<"$WORK/attached"
  remove_role "$1"
  say delete "github role $1"
}

remove_boundary() {
  local users
  users=$(aws_find iam get-policy --policy-arn "$BOUNDARY_ARN" --query Policy.PermissionsBoundaryUsageCount --output text)
  if [[ $users =~ ^[1-9] ]]; then
    say stays "boundary $PROJECT-$STAGE-boundary (until infra_bash/teardown.sh has deleted the $users roles that have it)"
    return
  fi
  delete_old_versions
  aws_delete iam delete-policy --policy-arn "$BOUNDARY_ARN"
  say delete "boundary $PROJECT-$STAGE-boundary"
}
