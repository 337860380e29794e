"""IAM and logs."""

from collections.abc import Iterator

from infra_bash.lib.judged.base import Answers, Line, Things, judged, only


class Roles(Answers):
    def _roles(self) -> Things:
        return {role["RoleName"]: role for role in self.have("roles").get("RoleDetailList", [])}

    def roles(self) -> Iterator[Line]:
        return judged(only(self.want("roles"), "AssumeRolePolicyDocument"), self._roles())

    def role_policies(self) -> Iterator[Line]:
        have = {
            name: policy
            for name, role in self._roles().items()
            for policy in role.get("RolePolicyList", [])
            if policy["PolicyName"] == "rights"
        }
        return judged(only(self.want("role_policies"), "PolicyDocument"), have)

    def attached_policies(self) -> Iterator[Line]:
        want = only(self.want("attached_policies"), "PolicyArn")
        have = {
            name: policy
            for name, role in self._roles().items()
            for policy in role.get("AttachedManagedPolicies", [])
            if name in want and policy["PolicyArn"] == want[name]["PolicyArn"]
        }
        return judged(want, have)

    def _log_groups(self) -> Things:
        groups = self.have("log_groups").get("logGroups", [])
        return {group["logGroupName"].rpartition("/")[2]: group for group in groups}

    def log_groups(self) -> Iterator[Line]:
        return judged(only(self.want("log_groups"), "logGroupName"), self._log_groups())

    def log_retentions(self) -> Iterator[Line]:
        return judged(only(self.want("log_retentions"), "retentionInDays"), self._log_groups())
