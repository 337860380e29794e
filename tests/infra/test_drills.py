"""Of which drill somebody was told, and which drills there are."""

import json
import re
from pathlib import Path

import pytest

from infra_bash.lib.told import is_told
from local.faults import FAULTS
from shared.watch.incidents import KINDS

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
DRILLS = (ROOT / "infra_bash/lib/drills.sh").read_text()
TOLD = json.dumps({"message": "alert was handled", "event": "begun", "kind": "dead letters", "via": "slack"})


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([TOLD], True),
        (["START RequestId: 1", TOLD], True),
        ([TOLD.replace("begun", "ended")], False),
        ([TOLD.replace("dead letters", "freshness")], False),
        (["3", "no json"], False),
        ([], False),
    ],
)
def test_who_was_told_of_what(messages: list[str], told: bool) -> None:
    assert is_told(messages, "begun", "dead letters") == told


def test_there_is_a_drill_for_every_incident() -> None:
    names = set(re.findall(r"[a-z-]+", "".join(re.findall(r"^(?:ANYWHERE|LOCALLY)=\((.*?)\)", DRILLS, re.M | re.S))))
    assert names == {kind.runbook for kind in KINDS}
    assert set(FAULTS) < names
