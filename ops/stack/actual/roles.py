"""IAM and logs."""

import json
from collections.abc import Iterator

from ops.stack.actual.base import Answers, Line, Thing, Things, judged, only

# What roles were once given to stand in a VPC: every network interface and every log group of the account.
VPC_POLICY = ":iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"


class RoleDifferences(Answers):
    def _roles(self) -> Things:
        return {role["RoleName"]: role for role in self.have("roles").get("RoleDetailList", [])}

    def roles(self) -> Iterator[Line]:
        return judged(only(self.want("roles"), "AssumeRolePolicyDocument"), self._roles())

    def role_boundaries(self) -> Iterator[Line]:
        """Of the roles that are there: a new one is made with its boundary."""
        have = {
            name: {"PermissionsBoundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")}
            for name, role in self._roles().items()
        }
        want = {name: thing for name, thing in self.want("role_boundaries").items() if name in have}
        return judged(only(want, "PermissionsBoundary"), have)

    def role_policies(self) -> Iterator[Line]:
        have = {
            name: policy
            for name, role in self._roles().items()
            for policy in role.get("RolePolicyList", [])
            if policy["PolicyName"] == "rights"
        }
        if self._interfaces():
            for name in have:
                self._keep_network_rights(name, have[name])
        return judged(only(self.want("role_policies"), "PolicyDocument"), have)

    def _interfaces(self) -> list[Thing]:
        interfaces: list[Thing] = self.have("interfaces").get("NetworkInterfaces", [])
        return interfaces

    def _keep_network_rights(self, name: str, have: Thing) -> None:
        """A function that has left its VPC needs them until AWS has taken its network interfaces away: what the role
        has of them is put with what is wanted, and written into the request with it."""
        request = self.want("role_policies").get(name)
        if request and not _network_rights(request) and (kept := _network_rights(have)):
            document = json.loads(request["PolicyDocument"])
            document["Statement"] += kept
            request["PolicyDocument"] = json.dumps(document)
            (self.folder / "role_policies" / f"{name}.json").write_text(json.dumps(request))

    def attached_policies(self) -> Iterator[Line]:
        """None is wanted. The one that earlier deploys attached goes, unless interfaces are left and no policy of ours
        has the rights that they go with."""
        for name, role in self._roles().items():
            for policy in role.get("AttachedManagedPolicies", []):
                is_ours = name in self.want("roles") and policy["PolicyArn"].endswith(VPC_POLICY)
                wanted = self.want("role_policies").get(name, {})
                if is_ours and (_network_rights(wanted) or not self._interfaces()):
                    yield "delete", name, policy["PolicyArn"]

    def _log_groups(self) -> Things:
        groups = self.have("log_groups").get("logGroups", [])
        return {group["logGroupName"].rpartition("/")[2]: group for group in groups}

    def log_groups(self) -> Iterator[Line]:
        return judged(only(self.want("log_groups"), "logGroupName"), self._log_groups())

    def log_retentions(self) -> Iterator[Line]:
        return judged(only(self.want("log_retentions"), "retentionInDays"), self._log_groups())


def has_network_rights(role: Thing) -> bool:
    """Whether a role may make network interfaces, by a policy of ours or by the one that was once attached."""
    own = [policy for policy in role.get("RolePolicyList", []) if _network_rights(policy)]
    attached = [policy["PolicyArn"] for policy in role.get("AttachedManagedPolicies", [])]
    return bool(own) or any(arn.endswith(VPC_POLICY) for arn in attached)


def _network_rights(policy: Thing) -> list[Thing]:
    """The statements of EC2's actions."""
    document = policy.get("PolicyDocument", {})
    document = json.loads(document) if isinstance(document, str) else document
    return [each for each in document.get("Statement", []) if "ec2:" in json.dumps(each.get("Action"))]
