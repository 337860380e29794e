"""The roles of a stack: read part by part, and held to a permissions boundary."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.stack.resources.base import DesiredStack, StackState
from ops.stack.resources.iam import RoleBoundaries, Roles
from ops.stack.resources.kinds import REQUESTS
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import MINIMUM, ROOT, run, settings_file
from tests.infra.stubs import SETTINGS, TARGETS

pytestmark = pytest.mark.fast

BOUNDARY = "arn:aws:iam::123456789012:policy/bounds"
READ = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws state ../aws/iam; do source infra_bash/lib/$part.sh; done
    SETTINGS_FILE=$1
    load_settings
    read_roles
    cat "$ACTUAL/roles.json"
"""


def test_roles_are_read_with_their_policies_and_nothing_of_others(tmp_path: Path) -> None:
    aws = FakeAws(tmp_path / "aws")
    aws.answers("iam list-roles", '["totestream-test-load"]')
    aws.answers("iam get-role", '{"Role": {"RoleName": "totestream-test-load", "Tags": []}}')
    aws.answers("iam list-role-policies", '{"PolicyNames": ["rights", "theirs"]}')
    aws.answers("iam list-attached-role-policies", '{"AttachedPolicies": [{"PolicyArn": "a"}]}')
    aws.answers("iam get-role-policy", '{"PolicyName": "rights"}', '{"PolicyName": "theirs"}')
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", READ, "deploy.sh", settings_file(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "RoleDetailList": [
            {
                "RoleName": "totestream-test-load",
                "Tags": [],
                "RolePolicyList": [{"PolicyName": "rights"}, {"PolicyName": "theirs"}],
                "AttachedManagedPolicies": [{"PolicyArn": "a"}],
            }
        ]
    }
    assert aws.asked[0] == "iam list-roles --query Roles[?starts_with(RoleName, 'totestream-test-')].RoleName"
    assert not aws.asked_for("iam get-account-authorization-details")


def test_no_script_reads_the_rights_of_the_whole_account() -> None:
    for path in (ROOT / "infra_bash").rglob("*.sh"):
        code = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        assert not [line for line in code if "get-account-authorization-details" in line], path


def wanted(folder: Path, **settings: str) -> StackState:
    requests = DesiredStack(SETTINGS | settings, TARGETS)
    for kind in ("roles", "role_boundaries"):
        (folder / kind).mkdir()
        for name, request in REQUESTS[kind](requests):
            (folder / kind / f"{name}.json").write_text(json.dumps(request))
    return StackState(folder)


def there(folder: Path, **role: Any) -> None:
    (folder / "actual").mkdir()
    found = {"RoleDetailList": [{"RoleName": "totestream-test-load"} | role]}
    (folder / "actual/roles.json").write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("has", "action"),
    [({}, "update"), ({"PermissionsBoundaryArn": "another"}, "update"), ({"PermissionsBoundaryArn": BOUNDARY}, "ok")],
)
def test_a_role_without_its_boundary_has_drifted(tmp_path: Path, has: dict[str, str], action: str) -> None:
    stack = wanted(tmp_path, PERMISSIONS_BOUNDARY=BOUNDARY)
    there(tmp_path, PermissionsBoundary=has)
    name, what = "totestream-test-load", "PermissionsBoundary" if action == "update" else ""
    assert list(RoleBoundaries.difference(stack)) == [(action, name, what)]


def test_every_new_role_is_made_with_its_boundary() -> None:
    made = dict(Roles.desired(DesiredStack(SETTINGS | {"PERMISSIONS_BOUNDARY": BOUNDARY}, TARGETS)))
    assert len(made) > 5
    assert {role["PermissionsBoundary"] for role in made.values()} == {BOUNDARY}


def test_without_the_setting_nothing_is_said_of_boundaries(tmp_path: Path) -> None:
    stack = wanted(tmp_path)
    there(tmp_path, PermissionsBoundary={"PermissionsBoundaryArn": "theirs"})
    assert list(RoleBoundaries.difference(stack)) == []
    assert not [role for _, role in Roles.desired(DesiredStack(SETTINGS, TARGETS)) if "PermissionsBoundary" in role]


@pytest.mark.parametrize("arn", ["bounds", "arn:aws:iam::123456789012:role/bounds", "arn:aws:iam::1:policy/x y"])
def test_a_boundary_is_the_arn_of_a_policy(tmp_path: Path, arn: str) -> None:
    refused = run("status.sh", "--settings", settings_file(tmp_path, MINIMUM + f"PERMISSIONS_BOUNDARY={arn}\n"))
    assert refused.returncode == 2 and "PERMISSIONS_BOUNDARY" in refused.stderr
