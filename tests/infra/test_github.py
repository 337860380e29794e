"""Which tokens of GitHub's are taken; and github.sh on an emulator."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.ministack import Ministack, throw_away
from ops.stack.resources import github
from tests.infra.scripts import MINIMUM, ROOT, run
from tests.infra.stubs import NAMES

ISSUER = "https://token.actions.githubusercontent.com"
OURS = {
    "iss": ISSUER,
    "aud": "sts.amazonaws.com",
    "sub": "repo:octo/pipeline:environment:prod",
    "repository": "octo/pipeline",
    "repository_id": "789012",
    "repository_owner_id": "123456",
    "ref": "refs/heads/main",
    "environment": "prod",
}
IDS_IN_IT = "repo:octo@123456/pipeline@789012:environment:prod"


def is_taken(token: Mapping[str, str | None], role: str = "deploy") -> bool:
    """Decide as STS does: a missing claim equals nothing."""
    (statement,) = github.trust(NAMES, "octo/pipeline", "789012", "123456", role)["Statement"]
    host = statement["Principal"]["Federated"].rpartition("/")[2]
    assert statement["Effect"] == "Allow" and list(statement["Condition"]) == ["StringEquals"]
    for key, value in statement["Condition"]["StringEquals"].items():
        wanted = [value] if isinstance(value, str) else value
        assert not [each for each in wanted if "*" in each or "?" in each]
        if token.get(key.removeprefix(f"{host}:")) not in wanted:
            return False
    return token["iss"] == f"https://{host}"


@pytest.mark.parametrize("subject", [OURS["sub"], IDS_IN_IT])
def test_our_own_token_is_taken_in_both_forms(subject: str) -> None:
    assert is_taken(OURS | {"sub": subject})
    plan = {"sub": subject.replace("prod", "plan"), "environment": "plan", "ref": "refs/pull/7/merge"}
    assert is_taken(OURS | plan, "plan")


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"aud": "https://github.com/octo"}, id="another audience"),
        pytest.param({"iss": "https://token.example.com"}, id="another issuer"),
        pytest.param(
            {"sub": "repo:mallory/pipeline:environment:prod", "repository_id": "666", "repository_owner_id": "6"},
            id="a fork",
        ),
        pytest.param({"sub": "repo:octo/pipeline:ref:refs/heads/main", "environment": None}, id="no environment"),
        pytest.param({"sub": "repo:octo/pipeline:environment:plan", "environment": "plan"}, id="another environment"),
        pytest.param({"sub": "repo:octo/pipeline:environment:prod2"}, id="an environment that begins alike"),
        pytest.param({"ref": "refs/heads/other"}, id="another branch in prod"),
        pytest.param({"ref": "refs/tags/main"}, id="a tag"),
        pytest.param({"sub": "repo:octo/pipeline:pull_request", "ref": "refs/pull/7/merge"}, id="a pull request"),
        pytest.param({"repository_id": "790000"}, id="a recycled name"),
        pytest.param({"sub": "repo:octo@123457/pipeline@790000:environment:prod"}, id="a recycled name with its ids"),
        pytest.param({"repository_id": None}, id="no id"),
        pytest.param({"sub": "repo:octo-new/pipeline:environment:prod"}, id="a renamed owner"),
        pytest.param({"sub": "repo:octo/pipeline2:environment:prod", "repository_id": "790001"}, id="a neighbour"),
        pytest.param({"sub": "repo:Octo/Pipeline:environment:prod"}, id="other capitals"),
        pytest.param({"sub": None}, id="no subject"),
    ],
)
def test_a_forged_token_is_refused(forged: dict[str, str | None]) -> None:
    assert not is_taken(OURS | forged)


def test_a_pull_request_cannot_deploy_and_no_deploy_token_plans() -> None:
    plan = OURS | {"sub": "repo:octo/pipeline:environment:plan", "ref": "refs/pull/7/merge"}
    assert is_taken(plan, "plan") and not is_taken(plan, "deploy") and not is_taken(OURS, "plan")


# ---- the script

ROLES = ["github-totestream-test-deploy", "github-totestream-test-plan"]
WHOSE = ("--repo", "octo/pipeline", "--repo-id", "789012", "--owner-id", "123456")


class Cloud:
    def __init__(self, folder: Path, server: Ministack, aws: Path) -> None:
        self._aws = aws
        (key, secret), url = server.keys, server.url
        login = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "eu-west-2"}
        self.iam: Any = boto3.client("iam", endpoint_url=url, **login)  # type: ignore[call-overload]
        self._file = folder / "settings.env"
        access = f"AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\nALERT_EMAIL=o'neil@example.com\n"
        self._file.write_text(f"{MINIMUM}AWS_ENDPOINT_URL={url}\n{access}")

    def github(self, *options: str) -> tuple[list[str], list[str]]:
        """Return the changes and the printed lines."""
        command = [str(ROOT / "infra_bash/github.sh"), *WHOSE, "--settings", str(self._file), *options]
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(self._aws)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        changed = [
            line for line in done.stderr.splitlines() if line.startswith(("create", "update", "delete", "stays"))
        ]
        return changed, done.stdout.splitlines()

    def roles(self) -> list[str]:
        return sorted(role["RoleName"] for role in self.iam.list_roles()["Roles"] if "github" in role["RoleName"])


@pytest.fixture
def cloud(tmp_path: Path, loaded_aws: Path) -> Iterator[Cloud]:
    with throw_away() as server:
        yield Cloud(tmp_path, server, loaded_aws)


def test_github_gets_roles_that_are_repaired_and_removed(cloud: Cloud) -> None:
    would, _ = cloud.github("--dry-run")
    assert cloud.roles() == []
    made, printed = cloud.github()
    assert made == would and len(made) == 6
    assert cloud.roles() == ROLES
    assert cloud.github() == ([], printed)

    cloud.iam.attach_role_policy(RoleName=ROLES[1], PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    open_to_all = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    cloud.iam.update_assume_role_policy(RoleName=ROLES[1], PolicyDocument=open_to_all)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    cloud.iam.put_role_policy(RoleName=ROLES[0], PolicyName="theirs", PolicyDocument=document)
    repaired, _ = cloud.github()
    assert [line.split()[0] for line in repaired] == ["update", "delete", "delete"], repaired
    assert cloud.github()[0] == []

    provider = f"arn:aws:iam::000000000000:oidc-provider/{github.HOST}"
    trusting = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity"}
    theirs = json.dumps({"Version": "2012-10-17", "Statement": [trusting]})
    cloud.iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=theirs)
    gone, _ = cloud.github("--remove")
    assert [line.split()[0] for line in gone] == ["delete", "delete", "delete", "stays"]
    assert "(used by theirs)" in gone[-1]
    cloud.iam.delete_role(RoleName="theirs")
    assert [line.split()[:2] for line in cloud.github("--remove")[0]] == [["delete", "provider"]]
    assert cloud.github("--remove")[0] == []


def test_the_variables_are_the_settings_without_credentials(cloud: Cloud) -> None:
    _, printed = cloud.github("--dry-run")
    begin = "gh variable set --repo octo/pipeline "
    assert all(line.startswith(begin) for line in printed)
    values = dict(line.removeprefix(begin).split(" --body ") for line in printed)
    assert not [name for name in values if name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")]
    assert values["ALERT_EMAIL"] == """'o'"'"'neil@example.com'"""
    assert values["AWS_ACCOUNT"] == "000000000000"
    assert values["DEPLOY_ROLE"] == f"arn:aws:iam::000000000000:role/{ROLES[0]}"
    assert values["PLAN_ROLE"] == f"arn:aws:iam::000000000000:role/{ROLES[1]}"
    assert values["PERMISSIONS_BOUNDARY"] == "arn:aws:iam::000000000000:policy/totestream-test-boundary"
    assert {"PROJECT", "STAGE", "AWS_REGION", "SOURCE_SECRET", "WAREHOUSE_SECRET", "WAREHOUSE_SCHEMA"} <= values.keys()


@pytest.mark.parametrize("repo", ["octo", "octo/", "/pipeline", "octo/pipe line", "octo/pipe/line", "o*/p"])
def test_a_repository_has_an_owner_and_a_name(repo: str) -> None:
    refused = run("github.sh", "--repo", repo)
    assert refused.returncode == 2 and "OWNER/REPO" in refused.stderr


def test_ids_that_github_does_not_say_are_asked_of_the_person(tmp_path: Path) -> None:
    settings = tmp_path / "settings.env"
    settings.write_text(MINIMUM)
    failed = run("github.sh", "--repo", "octo/pipeline", "--settings", str(settings), https_proxy="http://127.0.0.1:1")
    assert failed.returncode == 1
    assert "give --repo-id and --owner-id" in failed.stderr and "gh api repos/octo/pipeline" in failed.stderr
