"""IAM, logs and secrets: what each function may do, where it logs, and the names of the logins' secrets."""

import json
from collections.abc import Iterator
from typing import Any

from ops.stack import policies, topology
from ops.stack.resources.base import (
    LOGS,
    DesiredStack,
    Found,
    Inventory,
    Line,
    Requests,
    ResourceKind,
    StackState,
    Thing,
    Things,
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

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        trust = json.dumps(policies.trust_policy())
        for function in stack.all_functions:
            role = {"RoleName": function.name, "AssumeRolePolicyDocument": trust, "Tags": stack.tag_list}
            yield function.name, role | _boundary(stack)

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        for name, request in Roles.desired(stack):
            yield name, {"RoleName": name, "PolicyDocument": request["AssumeRolePolicyDocument"]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        return diff(only(state.desired("roles"), "AssumeRolePolicyDocument"), roles(state))

    @staticmethod
    def removal(inventory: Inventory) -> Found:
        """A role goes with its policies, unless AWS still needs it."""
        waiting = roles_that_wait(inventory)
        for name, role in inventory.roles.items():
            if name in waiting:
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
        """Without the setting nothing is desired: a boundary that somebody else has put on a role stays."""
        if boundary := _boundary(stack):
            for function in stack.all_functions:
                yield function.name, {"RoleName": function.name} | boundary

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        """Compare only roles that exist: a new one is made with its boundary."""
        actual = {
            name: {"PermissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")}
            for name, role in roles(state).items()
        }
        desired = {name: thing for name, thing in state.desired("role_boundaries").items() if name in actual}
        return diff(only(desired, "PermissionsBoundary"), actual)


class RolePolicies(ResourceKind):
    name = "role_policies"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for name, policy in policies.role_policies(stack.names, stack.settings, stack.targets).items():
            yield name, {"RoleName": name, "PolicyName": ROLE_POLICY_NAME, "PolicyDocument": json.dumps(policy)}

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
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
    """Managed policies. No role should have one."""

    name = "attached_policies"

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        """Delete the one that earlier deploys attached, unless interfaces are left and no policy of ours has the
        rights by which AWS deletes them."""
        for name, role in roles(state).items():
            for policy in role.get("AttachedManagedPolicies", []):
                is_ours = name in state.desired("roles") and policy["PolicyArn"].endswith(VPC_POLICY)
                desired = state.desired("role_policies").get(name, {})
                if is_ours and (_network_rights(desired) or not _interfaces(state)):
                    yield "delete", name, policy["PolicyArn"]


class LogGroups(ResourceKind):
    name = "log_groups"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in stack.all_functions:
            yield function.name, {"logGroupName": LOGS + function.name, "tags": stack.tags}

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        return diff(only(state.desired("log_groups"), "logGroupName"), _log_groups(state))

    @staticmethod
    def removal(inventory: Inventory) -> Found:
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
    def difference(state: StackState) -> Iterator[Line]:
        return diff(only(state.desired("log_retentions"), "retentionInDays"), _log_groups(state))


class Secrets(ResourceKind):
    """The secrets' names. secrets.sh compares them itself: their content must not be written into a request here."""

    name = "secrets"
    is_data = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for setting, name in topology.secrets(stack.settings).items():
            yield setting, {"Name": name, "Tags": stack.tag_list}

    @staticmethod
    def removal(inventory: Inventory) -> Found:
        """Only tags count: stages may share a secret, which belongs to the stage that made it. The list lags by
        minutes; the answers for the names in the settings do not."""
        described = inventory.state.answers("secrets").values()
        names = {secret["Name"] for secret in inventory.state.desired("secrets").values()}
        listed = [s for s in inventory.state.listed("secrets", "SecretList") if s["Name"] not in names]
        for secret in (*described, *listed):
            if inventory.has_our_tags(secret):
                yield "secret", secret["Name"], secret["ARN"]


def roles(state: StackState) -> Things:
    return {role["RoleName"]: role for role in state.listed("roles", "RoleDetailList")}


def roles_that_wait(inventory: Inventory) -> set[str]:
    """Return the roles whose rights AWS still needs, to delete network interfaces once the functions are gone."""
    listed, functions = (
        inventory.state.listed("interfaces", "NetworkInterfaces"),
        inventory.state.listed("functions", "Functions"),
    )
    left = [*interfaces_left(listed, inventory.functions, functions)]
    return {name for name, role in inventory.roles.items() if left and has_network_rights(role)}


def has_network_rights(role: Thing) -> bool:
    """Return whether a role may make network interfaces, by a policy of ours or by the managed one."""
    own = [policy for policy in role.get("RolePolicyList", []) if _network_rights(policy)]
    attached = [policy["PolicyArn"] for policy in role.get("AttachedManagedPolicies", [])]
    return bool(own) or any(arn.endswith(VPC_POLICY) for arn in attached)


def _boundary(stack: DesiredStack) -> dict[str, str]:
    boundary = stack.settings.get("PERMISSIONS_BOUNDARY", "")
    return {"PermissionsBoundary": boundary} if boundary else {}


def _interfaces(state: StackState) -> list[Thing]:
    return state.listed("interfaces", "NetworkInterfaces")


def _keep_network_rights(state: StackState, name: str, actual: Thing) -> None:
    """Add the network rights that a role has to its request: a function that has left its VPC needs them until AWS has
    deleted its network interfaces."""
    request = state.desired("role_policies").get(name)
    if request and not _network_rights(request) and (kept := _network_rights(actual)):
        document = json.loads(request["PolicyDocument"])
        document["Statement"] += kept
        state.rewrite("role_policies", name, request | {"PolicyDocument": json.dumps(document)})


def _network_rights(policy: Thing) -> list[Any]:
    """Return the statements with EC2's actions."""
    document = policy.get("PolicyDocument", {})
    document = json.loads(document) if isinstance(document, str) else document
    return [each for each in document.get("Statement", []) if "ec2:" in json.dumps(each.get("Action"))]


def _log_groups(state: StackState) -> Things:
    groups = state.listed("log_groups", "logGroups")
    return {group["logGroupName"].rpartition("/")[2]: group for group in groups}
