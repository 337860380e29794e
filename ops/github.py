"""Writes what a repository's workflows need in an account, and asks GitHub for the repository's ids.

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
from ops.stack.desired.github import ENVIRONMENTS, HOST, DesiredGitHub, role_name
from ops.stack.topology import known_targets
from shared.names import Names

API = "https://api.github.com/repos/"
ASKING_S = 10.0
KINDS = ("providers", "boundaries", "boundary_versions", "github_roles", "github_trusts", "github_policies")
# What a workflow must not get, and what it does not need.
NOT_FOR_GITHUB = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL")


def names() -> Names:
    return Names(*(os.environ[name] for name in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))


def requests(folder: Path, repository: str, repository_id: str, owner_id: str) -> None:
    wanted = DesiredGitHub(names(), repository, repository_id, owner_id, documents(dict(os.environ), known_targets()))
    for kind in KINDS:
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        for name, request in getattr(wanted, kind)():
            (place / f"{name}.json").write_text(json.dumps(request, indent=1))
    own = names()
    arns = own.global_arn("iam", f"oidc-provider/{HOST}"), own.global_arn("iam", f"policy/{own('boundary')}")
    (folder / "github.arns").write_text("\n".join((*arns, "")))


def ids(repository: str) -> tuple[str, str]:
    """A private repository is shown to whoever has a token for it."""
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    headers = {"Accept": "application/vnd.github+json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    asked = urllib.request.Request(API + repository, headers=headers)  # noqa: S310 - API is https
    with urllib.request.urlopen(asked, timeout=ASKING_S) as answer:  # noqa: S310
        found = json.load(answer)
    return str(int(found["id"])), str(int(found["owner"]["id"]))


def variables(repository: str, given: list[str], boundary: str) -> list[str]:
    own = names()
    values = {"AWS_ACCOUNT": own.account}
    values |= {f"{role.upper()}_ROLE": own.role_arn(role_name(own, role)) for role in ENVIRONMENTS}
    values |= {name: os.environ[name] for name in given if name not in NOT_FOR_GITHUB and os.environ.get(name)}
    values["PERMISSIONS_BOUNDARY"] = boundary
    set_variable = ["gh", "variable", "set", "--repo", repository]
    return [shlex.join([*set_variable, name, "--body", value]) for name, value in values.items()]


def main() -> int:
    what, *rest = sys.argv[1:]
    if what == "requests":
        requests(Path(rest[0]), *rest[1:])
    elif what == "variables":
        own = names()
        boundary = os.environ.get("PERMISSIONS_BOUNDARY") or own.global_arn("iam", f"policy/{own('boundary')}")
        print(*variables(rest[0], rest[1:], boundary), sep="\n")
    else:
        try:
            print(*ids(*rest))
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"GitHub does not say the ids of {rest[0]} ({error}): give --repo-id and --owner-id, which"
            print(f"{'FAILED':<8}{what} `gh api repos/{rest[0]} --jq '.id, .owner.id'` prints", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
