"""How many transforms may be at work at once: a setting, or what the account makes needed."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.stack.concurrency import choice
from ops.stack.resources.base import DesiredStack, StackState
from ops.stack.resources.invocations import Mappings
from ops.stack.resources.kinds import REQUESTS
from tests.infra import stubs
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import MINIMUM, ROOT, settings_file

pytestmark = pytest.mark.fast

NAME = "totestream-test-transform-dim_staff"
CHOOSE = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws ../aws/lambda; do source infra_bash/lib/$part.sh; done
    SETTINGS_FILE=$1
    load_settings
    choose_concurrency
    echo "$TRANSFORMS_AT_ONCE"
"""


@pytest.mark.parametrize(
    ("limit", "value"),
    [("10", "2"), ("50", "2"), ("499", "2"), ("500", "none"), ("1000", "none"), ("", "2"), ("None", "2"), ("{}", "2")],
)
def test_only_an_account_with_room_for_all_goes_without_a_limit(limit: str, value: str) -> None:
    assert choice(limit)[0] == value


def choose(folder: Path, answer: str, lines: str = "") -> tuple[str, str, list[str]]:
    aws = FakeAws(folder / "aws")
    aws.answers("lambda get-account-settings", answer)
    command = ["bash", "-c", CHOOSE, "deploy.sh", settings_file(folder, MINIMUM + lines)]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), done.stderr.strip(), aws.asked if (aws.folder / "asked").exists() else []


@pytest.mark.parametrize(
    ("answer", "value", "why"),
    [
        ("10", "2", "this account runs 10 functions at once"),
        ("1000", "none", "this account runs 1000 functions at once"),
        ("!AccessDeniedException", "2", "AWS does not say how many functions this account runs at once"),
        ("!404", "2", "AWS does not say how many functions this account runs at once"),
    ],
)
def test_deploy_asks_the_account_and_says_what_it_has_chosen(tmp_path: Path, answer: str, value: str, why: str) -> None:
    said = f"ok      TRANSFORMS_AT_ONCE is {value}: {why}"
    asked = "lambda get-account-settings --query AccountLimit.UnreservedConcurrentExecutions --output text"
    assert choose(tmp_path, answer) == (value, said, [asked])


@pytest.mark.parametrize("value", ["2", "1000", "none"])
def test_what_is_set_is_not_asked_for(tmp_path: Path, value: str) -> None:
    assert choose(tmp_path, "1000", f"TRANSFORMS_AT_ONCE={value}\n") == (value, "", [])


def requests(kind: str, at_once: str) -> dict[str, dict[str, Any]]:
    settings = stubs.SETTINGS | {"TRANSFORMS_AT_ONCE": at_once}
    return dict(REQUESTS[kind](DesiredStack(settings, stubs.TARGETS)))


@pytest.mark.parametrize(
    ("at_once", "made", "changed"),
    [
        ("", {"MaximumConcurrency": 2}, {"MaximumConcurrency": 2}),
        ("7", {"MaximumConcurrency": 7}, {"MaximumConcurrency": 7}),
        # AWS leaves as it is what an update does not name.
        ("none", None, {}),
    ],
)
def test_the_limit_is_the_mappings(at_once: str, made: object, changed: object) -> None:
    assert requests("mappings", at_once)[NAME].get("ScalingConfig") == made
    assert requests("mapping_changes", at_once)[NAME]["ScalingConfig"] == changed


@pytest.mark.parametrize("at_once", ["", "7", "none"])
def test_the_loader_has_its_limit_whatever_the_account_runs(at_once: str) -> None:
    """Limit the loads: each opens a session of the warehouse before it knows that another is running."""
    load = "totestream-test-load"
    for kind in ("mappings", "mapping_changes"):
        assert requests(kind, at_once)[load]["ScalingConfig"] == {"MaximumConcurrency": 2}


@pytest.mark.parametrize(
    ("at_once", "there", "action"),
    [
        ("none", {"ScalingConfig": {"MaximumConcurrency": 2}}, "update"),
        ("none", {"ScalingConfig": {}}, "ok"),
        ("none", {"ScalingConfig": None}, "ok"),
        ("none", {}, "ok"),
        ("2", {"ScalingConfig": {"MaximumConcurrency": 2}}, "ok"),
        ("2", {"ScalingConfig": {"MaximumConcurrency": 7}}, "update"),
        ("2", {}, "update"),
    ],
)
def test_a_limit_that_differs_is_put(tmp_path: Path, at_once: str, there: dict[str, Any], action: str) -> None:
    want = requests("mappings", at_once)[NAME]
    have = {key: value for key, value in want.items() if key not in ("ScalingConfig", "FunctionName")}
    have |= {"UUID": "1", "FunctionArn": f"arn:aws:lambda:r:1:function:{NAME}", "State": "Enabled"} | there
    for name, content in ((f"mappings/{NAME}.json", want), ("actual/mappings.json", {"EventSourceMappings": [have]})):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    assert list(Mappings.difference(StackState(tmp_path))) == [(action, NAME, "1")]
