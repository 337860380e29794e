"""GitHub's provider, and the roles of its workflows: nobody else's rights stay on those."""

from collections.abc import Iterator

from ops.stack.actual.base import Answers, Line, Things, judged, only
from ops.stack.desired.github import POLICY_NAME


class GitHubDifferences(Answers):
    def _github_roles(self) -> Things:
        roles = self.have("roles").get("RoleDetailList", [])
        return {role["RoleName"]: role for role in roles if role["RoleName"] in self.want("github_roles")}

    def providers(self) -> Iterator[Line]:
        """Other stacks use it, too: it must know our audience, and may know others."""
        have = self.have("provider")
        for name, want in self.want("providers").items():
            if not have:
                yield "create", name, ""
            elif missing := set(want["ClientIDList"]) - set(have.get("ClientIDList", [])):
                yield "update", name, ",".join(sorted(missing))
            else:
                yield "ok", name, ""

    def boundaries(self) -> Iterator[Line]:
        have = self.have("boundary").get("PolicyVersion", {})
        there = {name: {"PolicyDocument": have["Document"]} for name in self.want("boundaries") if have}
        return judged(only(self.want("boundaries"), "PolicyDocument"), there)

    def github_roles(self) -> Iterator[Line]:
        return judged(only(self.want("github_roles"), "AssumeRolePolicyDocument"), self._github_roles())

    def github_policies(self) -> Iterator[Line]:
        """A foreign policy is named ROLE/POLICY."""
        have = {}
        for name, role in self._github_roles().items():
            for policy in role.get("RolePolicyList", []):
                if policy["PolicyName"] == POLICY_NAME:
                    have[name] = policy
                else:
                    yield "delete", f"{name}/{policy['PolicyName']}", "inline"
            for policy in role.get("AttachedManagedPolicies", []):
                yield "delete", f"{name}/{policy['PolicyArn']}", "attached"
        yield from judged(only(self.want("github_policies"), "PolicyDocument"), have)
