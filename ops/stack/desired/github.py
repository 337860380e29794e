"""What lets a repository's workflows into an account for an hour: GitHub's OIDC provider, a role to deploy with and one
to plan with, and the boundary of what is deployed.

A token is taken by its audience, by the repository's id, which no other repository ever gets, and by its subject in
both forms: repositories made or renamed since 15 July 2026 say ids in it. Everything is compared for equality. Nothing
of it bears the stack's tags: teardown.sh does not take it for a part of the stack.
"""

import json
from collections.abc import Mapping

from ops.stack.desired.base import Request, Requests
from ops.stack.policies import Document
from shared.names import Names

HOST = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
# Each role is for one environment of the repository; only main is deployed.
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
    """Not called like the stack's roles: who deploys may change those, and must not change what lets them in."""
    return f"github-{names.prefix}-{role}"


class DesiredGitHub:
    """`documents` are those of ops/people.py."""

    def __init__(
        self, names: Names, repository: str, repository_id: str, owner_id: str, documents: Mapping[str, Document]
    ) -> None:
        self._names, self._documents = names, documents
        self._trusts = {
            role_name(names, role): trust(names, repository, repository_id, owner_id, role) for role in ENVIRONMENTS
        }

    def providers(self) -> Requests:
        """Without a thumbprint, which AWS no longer looks at."""
        yield HOST, {"Url": f"https://{HOST}", "ClientIDList": [AUDIENCE]}

    def boundaries(self) -> Requests:
        name = self._names("boundary")
        yield name, {"PolicyName": name, "PolicyDocument": json.dumps(self._documents["boundary"])}

    def boundary_versions(self) -> Requests:
        for name, request in self.boundaries():
            arn = self._names.global_arn("iam", f"policy/{name}")
            yield name, {"PolicyArn": arn, "PolicyDocument": request["PolicyDocument"], "SetAsDefault": True}

    def github_roles(self) -> Requests:
        for name, document in self._trusts.items():
            made: Request = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps(document)}
            yield name, made

    def github_trusts(self) -> Requests:
        for name, document in self._trusts.items():
            yield name, {"RoleName": name, "PolicyDocument": json.dumps(document)}

    def github_policies(self) -> Requests:
        for role in ENVIRONMENTS:
            name = role_name(self._names, role)
            document = json.dumps(self._documents[role])
            yield name, {"RoleName": name, "PolicyName": POLICY_NAME, "PolicyDocument": document}
