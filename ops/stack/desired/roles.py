"""IAM, logs and secrets: what each function may do, where it writes, and the logins' names."""

import json

from ops.stack import policies, topology
from ops.stack.desired.base import Base, Requests

ROLE_POLICY_NAME = "rights"


class DesiredRoles(Base):
    def roles(self) -> Requests:
        trust = json.dumps(policies.trust_policy())
        for function in self.all_functions:
            role = {"RoleName": function.name, "AssumeRolePolicyDocument": trust, "Tags": self.tag_list}
            yield function.name, role | self._boundary()

    def role_boundaries(self) -> Requests:
        """None without the setting: a boundary that somebody else has put on a role stays."""
        if boundary := self._boundary():
            for function in self.all_functions:
                yield function.name, {"RoleName": function.name} | boundary

    def _boundary(self) -> dict[str, str]:
        boundary = self.settings.get("PERMISSIONS_BOUNDARY", "")
        return {"PermissionsBoundary": boundary} if boundary else {}

    def role_trusts(self) -> Requests:
        for name, request in self.roles():
            yield name, {"RoleName": name, "PolicyDocument": request["AssumeRolePolicyDocument"]}

    def role_policies(self) -> Requests:
        for name, policy in policies.role_policies(self.names, self.settings, self.targets).items():
            yield (
                name,
                {"RoleName": name, "PolicyName": ROLE_POLICY_NAME, "PolicyDocument": json.dumps(policy)},
            )

    def log_groups(self) -> Requests:
        for function in self.all_functions:
            name = f"/aws/lambda/{function.name}"
            yield function.name, {"logGroupName": name, "tags": self.tags}

    def log_retentions(self) -> Requests:
        for function in self.all_functions:
            name = f"/aws/lambda/{function.name}"
            yield function.name, {"logGroupName": name, "retentionInDays": topology.LOG_RETENTION_DAYS}

    def secrets(self) -> Requests:
        """Without the content: that is only ever in a private file."""
        for setting, name in topology.secrets(self.settings).items():
            yield setting, {"Name": name, "Tags": self.tag_list}
