"""GitHub's access to an account, an hour at a time: its OIDC provider, the roles to deploy and to plan with, and the
permissions boundary of the roles that a deploy creates.

A token is accepted by its audience, by the repository's id, which is never reused, and by its subject in both forms:
repositories created or renamed since 15 July 2026 have ids in it. All claims are compared for equality. These resources
do not have the stack's tags, so that teardown.sh does not delete them.
"""

import json
from collections.abc import Iterator, Mapping

from ops.stack.resources.base import ComparedKind, Difference, JsonByName, Request, Requests, StackState, diff, only
from ops.stack.statements import Document
from shared.names import Names

HOST = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
# The environment of the repository that each role is for; only main is deployed.
ENVIRONMENTS = {"deploy": "prod", "plan": "plan"}
MAIN = "refs/heads/main"
POLICY_NAME = "rights"


def trust(names: Names, repository: str, repository_id: str, owner_id: str, role: str) -> Document:
    owner, _, name = repository.partition("/")
    where = f"environment:{ENVIRONMENTS[role]}"
    subjects = [f"repo:{repository}:{where}", f"repo:{owner}@{owner_id}/{name}@{repository_id}:{where}"]
    claims: dict[str, str | list[str]] = {"aud": AUDIENCE, "repository_id": repository_id, "sub": subjects}
    if role == "deploy":
        claims["ref"] = MAIN
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": names.global_arn("iam", f"oidc-provider/{HOST}")},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{HOST}:{claim}": value for claim, value in claims.items()}},
            }
        ],
    }


def role_name(names: Names, role: str) -> str:
    """Return a name without the stack's prefix: the deploy role may change roles with the prefix, but not itself."""
    return f"github-{names.prefix}-{role}"


class DesiredGitHub:
    """The input of the requests. `documents` are those of ops/people.py."""

    def __init__(
        self, names: Names, repository: str, repository_id: str, owner_id: str, documents: Mapping[str, Document]
    ) -> None:
        self.names, self.documents = names, documents
        self.trusts = {
            role_name(names, role): trust(names, repository, repository_id, owner_id, role) for role in ENVIRONMENTS
        }


class GitHubKind(ComparedKind):
    """A kind of resource that github.sh creates."""

    @staticmethod
    def desired(github: DesiredGitHub) -> Requests:
        """Yield the request that creates each resource."""
        yield from ()

    @staticmethod
    def changes(github: DesiredGitHub) -> Requests:
        """Yield the requests that change each resource, where they differ from those that create it."""
        yield from ()


class Providers(GitHubKind):
    """The OIDC provider, without a thumbprint, which AWS no longer checks. Other stacks may use it: it must have our
    audience, and may have others."""

    name = "providers"

    @staticmethod
    def desired(github: DesiredGitHub) -> Requests:
        yield HOST, {"Url": f"https://{HOST}", "ClientIDList": [AUDIENCE]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = state.answer("provider")
        for name, desired in state.desired("providers").items():
            if not actual:
                yield "create", name, ""
            elif missing := set(desired["ClientIDList"]) - set(actual.get("ClientIDList", [])):
                yield "update", name, ",".join(sorted(missing))
            else:
                yield "ok", name, ""


class Boundaries(GitHubKind):
    """The permissions boundary of the roles that a deploy creates; a change is a new version."""

    name = "boundaries"
    changes_name = "boundary_versions"

    @staticmethod
    def desired(github: DesiredGitHub) -> Requests:
        name = github.names("boundary")
        yield name, {"PolicyName": name, "PolicyDocument": json.dumps(github.documents["boundary"])}

    @staticmethod
    def changes(github: DesiredGitHub) -> Requests:
        for name, request in Boundaries.desired(github):
            arn = github.names.global_arn("iam", f"policy/{name}")
            yield name, {"PolicyArn": arn, "PolicyDocument": request["PolicyDocument"], "SetAsDefault": True}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        version, desired = state.answer("boundary").get("PolicyVersion", {}), state.desired("boundaries")
        actual = {name: {"PolicyDocument": version["Document"]} for name in desired if version}
        return diff(only(desired, "PolicyDocument"), actual)


class GitHubRoles(GitHubKind):
    name = "github_roles"
    changes_name = "github_trusts"

    @staticmethod
    def desired(github: DesiredGitHub) -> Requests:
        for name, document in github.trusts.items():
            created: Request = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(document)}
            yield name, created

    @staticmethod
    def changes(github: DesiredGitHub) -> Requests:
        for name, document in github.trusts.items():
            yield name, {"RoleName": name, "PolicyDocument": json.dumps(document)}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return diff(only(state.desired("github_roles"), "AssumeRolePolicyDocument"), _github_roles(state))


class GitHubPolicies(GitHubKind):
    """The policy of each role. Other policies of the role are deleted; they are named ROLE/POLICY."""

    name = "github_policies"

    @staticmethod
    def desired(github: DesiredGitHub) -> Requests:
        for role in ENVIRONMENTS:
            name = role_name(github.names, role)
            document = json.dumps(github.documents[role])
            yield name, {"RoleName": name, "PolicyName": POLICY_NAME, "PolicyDocument": document}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = {}
        for name, role in _github_roles(state).items():
            for policy in role.get("RolePolicyList", []):
                if policy["PolicyName"] == POLICY_NAME:
                    actual[name] = policy
                else:
                    yield "delete", f"{name}/{policy['PolicyName']}", "inline"
            for policy in role.get("AttachedManagedPolicies", []):
                yield "delete", f"{name}/{policy['PolicyArn']}", "attached"
        yield from diff(only(state.desired("github_policies"), "PolicyDocument"), actual)


def _github_roles(state: StackState) -> JsonByName:
    roles = state.listed("roles", "RoleDetailList")
    return {role["RoleName"]: role for role in roles if role["RoleName"] in state.desired("github_roles")}
