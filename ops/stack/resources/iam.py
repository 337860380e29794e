"""IAM, logs and secrets: each function's role and log group, and the names of the secrets."""

import json
from collections.abc import Iterator
from typing import Any

from ops.stack import role_policies, topology
from ops.stack.resources.base import (
    LOGS,
    DesiredStack,
    Difference,
    Inventory,
    Json,
    JsonByName,
    Removals,
    Requests,
    ResourceKind,
    StackState,
    diff,
    only,
)
from ops.stack.resources.interfaces import interfaces_left

ROLE_POLICY_NAME = "rights"
# The managed policy of earlier versions, which covers every network interface and log group of the account.
VPC_POLICY = ":iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"


class Roles(ResourceKind):
    """One role per function, with its function's name."""

    name = "roles"
    changes_name = "role_trusts"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        trust = json.dumps(role_policies.trust_policy())
        for function in stack.all_functions:
            role = {"RoleName": function.name, "AssumeRolePolicyDocument": trust, "Tags": stack.tag_list}
            yield function.name, role | _boundary(stack)

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        for name, request in Roles.desired(stack):
            yield name, {"RoleName": name, "PolicyDocument": request["AssumeRolePolicyDocument"]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return diff(only(state.desired("roles"), "AssumeRolePolicyDocument"), roles(state))

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield each role after its policies, without the roles that AWS still needs."""
        still_needed = roles_still_needed(inventory)
        for name, role in inventory.roles.items():
            if name in still_needed:
                continue
            for policy in role.get("RolePolicyList", []):
                yield "role policy", name, f"{name}/{policy['PolicyName']}"
            for policy in role.get("AttachedManagedPolicies", []):
                yield "attached policy", name, f"{name}/{policy['PolicyArn']}"
            yield "role", name, name


class RoleBoundaries(ResourceKind):
    name = "role_boundaries"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        """Yield nothing without the setting: a boundary that somebody else has set on a role is kept."""
        if boundary := _boundary(stack):
            for function in stack.all_functions:
                yield function.name, {"RoleName": function.name} | boundary

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare only roles that exist: a new one is created with its boundary."""
        actual = {
            name: {"PermissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")}
            for name, role in roles(state).items()
        }
        desired = {name: request for name, request in state.desired("role_boundaries").items() if name in actual}
        return diff(only(desired, "PermissionsBoundary"), actual)


class RolePolicies(ResourceKind):
    name = "role_policies"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for name, policy in role_policies.role_policies(stack.names, stack.settings, stack.targets).items():
            yield name, {"RoleName": name, "PolicyName": ROLE_POLICY_NAME, "PolicyDocument": json.dumps(policy)}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = {
            name: policy
            for name, role in roles(state).items()
            for policy in role.get("RolePolicyList", [])
            if policy["PolicyName"] == ROLE_POLICY_NAME
        }
        if _interfaces(state):
            for name in actual:
                _keep_network_rights(state, name, actual[name])
        return diff(only(state.desired("role_policies"), "PolicyDocument"), actual)


class AttachedPolicies(ResourceKind):
    """Managed policies, of which no role should have one."""

    name = "attached_policies"

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Yield the deletion of the policy that earlier versions attached. While network interfaces exist it is kept
        unless the role's own policy has the rights with which AWS deletes them."""
        for name, role in roles(state).items():
            for policy in role.get("AttachedManagedPolicies", []):
                is_ours = name in state.desired("roles") and policy["PolicyArn"].endswith(VPC_POLICY)
                desired = state.desired("role_policies").get(name, {})
                if is_ours and (_network_rights(desired) or not _interfaces(state)):
                    yield "delete", name, policy["PolicyArn"]


class LogGroups(ResourceKind):
    name = "log_groups"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in stack.all_functions:
            yield function.name, {"logGroupName": LOGS + function.name, "tags": stack.tags}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return diff(only(state.desired("log_groups"), "logGroupName"), _log_groups(state))

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        ours = inventory.ours("logs", "log-group") | {LOGS + name for name in inventory.functions}
        for group in inventory.state.listed("log_groups", "logGroups"):
            if group["logGroupName"] in ours:
                yield "log group", group["logGroupName"], group["logGroupName"]


class LogRetentions(ResourceKind):
    name = "log_retentions"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in stack.all_functions:
            request = {"logGroupName": LOGS + function.name, "retentionInDays": topology.LOG_RETENTION_DAYS}
            yield function.name, request

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return diff(only(state.desired("log_retentions"), "retentionInDays"), _log_groups(state))


class Secrets(ResourceKind):
    """The secrets' names. aws/secrets.sh compares them, so that no secret's content is in these requests."""

    name = "secrets"
    is_data = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for setting, name in topology.secrets(stack.settings).items():
            yield setting, {"Name": name, "Tags": stack.tag_list}

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield the secrets with our tags. Stages may share a secret, which belongs to the stage that created it.

        The list of secrets lags by minutes, so the secrets of the settings are read by name.
        """
        described = inventory.state.answers("secrets").values()
        names = {secret["Name"] for secret in inventory.state.desired("secrets").values()}
        listed = [s for s in inventory.state.listed("secrets", "SecretList") if s["Name"] not in names]
        for secret in (*described, *listed):
            if inventory.has_our_tags(secret):
                yield "secret", secret["Name"], secret["ARN"]


def roles(state: StackState) -> JsonByName:
    return {role["RoleName"]: role for role in state.listed("roles", "RoleDetailList")}


def roles_still_needed(inventory: Inventory) -> set[str]:
    """Return the roles whose rights AWS still needs to delete network interfaces after the functions are deleted."""
    listed, functions = (
        inventory.state.listed("interfaces", "NetworkInterfaces"),
        inventory.state.listed("functions", "Functions"),
    )
    left = [*interfaces_left(listed, inventory.functions, functions)]
    return {name for name, role in inventory.roles.items() if left and has_network_rights(role)}


def has_network_rights(role: Json) -> bool:
    """Return whether a role may create network interfaces, by its own policy or by the managed one."""
    own = [policy for policy in role.get("RolePolicyList", []) if _network_rights(policy)]
    attached = [policy["PolicyArn"] for policy in role.get("AttachedManagedPolicies", [])]
    return bool(own) or any(arn.endswith(VPC_POLICY) for arn in attached)


def _boundary(stack: DesiredStack) -> dict[str, str]:
    boundary = stack.settings.get("PERMISSIONS_BOUNDARY", "")
    return {"PermissionsBoundary": boundary} if boundary else {}


def _interfaces(state: StackState) -> list[Json]:
    return state.listed("interfaces", "NetworkInterfaces")


def _keep_network_rights(state: StackState, name: str, actual: Json) -> None:
    """Add the role's existing network rights to its request. After a function has left its VPC, AWS needs them until it
    has deleted the function's network interfaces."""
    request = state.desired("role_policies").get(name)
    if request and not _network_rights(request) and (kept := _network_rights(actual)):
        document = json.loads(request["PolicyDocument"])
        document["Statement"] += kept
        state.rewrite("role_policies", name, request | {"PolicyDocument": json.dumps(document)})


def _network_rights(policy: Json) -> list[Any]:
    """Return the statements with EC2's actions."""
    document = policy.get("PolicyDocument", {})
    document = json.loads(document) if isinstance(document, str) else document
    return [each for each in document.get("Statement", []) if "ec2:" in json.dumps(each.get("Action"))]


def _log_groups(state: StackState) -> JsonByName:
    groups = state.listed("log_groups", "logGroups")
    return {group["logGroupName"].rpartition("/")[2]: group for group in groups}
