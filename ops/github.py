"""Write what a repository's workflows need in an account, and read the repository's ids from GitHub.

    python -m ops.github requests FOLDER OWNER/REPO REPOSITORY_ID OWNER_ID
    python -m ops.github ids OWNER/REPO
    python -m ops.github variables OWNER/REPO SETTING...

`requests` writes FOLDER/KIND/NAME.json, as requests.py does, and into FOLDER/github.arns the provider's and the
boundary's ARN. `ids` prints the two ids. `variables` prints the commands
that set the repository's variables: where to deploy, and the named settings without credentials. Settings come from
the environment.
"""

import json
import os
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path

from ops.people import documents
from ops.stack.requests import write
from ops.stack.resources.github import ENVIRONMENTS, HOST, DesiredGitHub, role_name
from ops.stack.resources.kinds import GITHUB_KINDS
from ops.stack.topology import known_targets
from shared.names import Names

API = "https://api.github.com/repos/"
TIMEOUT_S = 10.0
# Settings that a workflow must not get or does not need.
NOT_FOR_GITHUB = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL")


def names() -> Names:
    return Names(*(os.environ[name] for name in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))


def requests(folder: Path, repository: str, repository_id: str, owner_id: str) -> None:
    desired = DesiredGitHub(names(), repository, repository_id, owner_id, documents(dict(os.environ), known_targets()))
    for kind in GITHUB_KINDS:
        write(folder, kind.name, kind.desired(desired))
        if kind.changes_name:
            write(folder, kind.changes_name, kind.changes(desired))
    own = names()
    arns = own.global_arn("iam", f"oidc-provider/{HOST}"), own.global_arn("iam", f"policy/{own('boundary')}")
    (folder / "github.arns").write_text("\n".join((*arns, "")))


def ids(repository: str) -> tuple[str, str]:
    """Return the repository's and the owner's id. A private repository is shown only with a token for it."""
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    headers = {"Accept": "application/vnd.github+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(API + repository, headers=headers)  # noqa: S310 - API is https
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        repository_facts = json.load(answer)
    return str(int(repository_facts["id"])), str(int(repository_facts["owner"]["id"]))


def variables(repository: str, given: list[str], boundary: str) -> list[str]:
    own = names()
    values = {"AWS_ACCOUNT": own.account}
    values |= {f"{role.upper()}_ROLE": own.role_arn(role_name(own, role)) for role in ENVIRONMENTS}
    values |= {name: os.environ[name] for name in given if name not in NOT_FOR_GITHUB and os.environ.get(name)}
    values["PERMISSIONS_BOUNDARY"] = boundary
    set_variable = ["gh", "variable", "set", "--repo", repository]
    return [shlex.join([*set_variable, name, "--body", value]) for name, value in values.items()]


def main() -> int:
    command, *rest = sys.argv[1:]
    if command == "requests":
        requests(Path(rest[0]), *rest[1:])
    elif command == "variables":
        own = names()
        boundary = os.environ.get("PERMISSIONS_BOUNDARY") or own.global_arn("iam", f"policy/{own('boundary')}")
        print(*variables(rest[0], rest[1:], boundary), sep="\n")
    else:
        try:
            print(*ids(*rest))
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = f"GitHub does not return the ids of {rest[0]} ({error}): give --repo-id and --owner-id, which"
            print(f"{'FAILED':<8}{problem} `gh api repos/{rest[0]} --jq '.id, .owner.id'` prints", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
