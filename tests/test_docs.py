"""What the papers name is there."""

import re
import subprocess
from pathlib import Path

import pytest

from ops.stack.alarms import ALARMS
from shared.names import ALERTS, MAIL
from shared.wording.incidents import KINDS, IncidentKind
from tests.runbook import ENTRIES, commands

pytestmark = pytest.mark.fast

TESTS = Path(__file__).parent
PAPERS = [(TESTS.parent / "docs" / name).read_text() for name in ("reliability.md", "security.md")]
NAMED = sorted({named for paper in PAPERS for named in re.findall(r"(?:[\w/]+/)?test_\w+\.py(?:::\w+)?", paper)})


@pytest.mark.parametrize("named", NAMED)
def test_each_proof_that_a_paper_names_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert re.search(rf"^ *(?:def|class) {name}\b", (TESTS / file.removeprefix("tests/")).read_text(), re.MULTILINE)


def test_there_are_proofs() -> None:
    assert len(NAMED) > 30


ROOT = TESTS.parent


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.runbook)
def test_each_incident_has_its_entry_in_the_runbook(kind: IncidentKind) -> None:
    entry = ENTRIES[kind.name]
    assert re.findall(r"^\*\*(\w+)", entry, re.MULTILINE) == ["Means", "Look", "Run", "Over"]
    script = kind.command.split()[0]
    assert script in {command.split()[0] for command in commands(kind.name)}


def test_the_runbook_has_every_alarm_with_its_way_and_its_commands() -> None:
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| .+ \| (.+) \|$", ENTRIES["When no message comes"], re.MULTILINE)
    ways = {MAIL: "e-mail", ALERTS: "Slack"}
    run = {noun: re.findall(r"infra_bash/(\w+\.sh(?: \w+)?)`", cell) for noun, _, cell in rows}
    assert {noun: way for noun, way, _ in rows} == {alarm.noun: ways[alarm.topic] for alarm in ALARMS}
    for alarm in ALARMS:
        told = re.findall(r"infra_bash/(\w+\.sh(?: (?:extract|load|watch|alert)\b)?)", alarm.message)
        assert run[alarm.noun] == told


@pytest.mark.parametrize("command", sorted({each for entry in ENTRIES for each in commands(entry)}))
def test_each_command_of_the_runbook_is_one_that_its_script_takes(command: str) -> None:
    script, *arguments = command.split()
    shown = subprocess.run([ROOT / "infra_bash" / script, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"{argument} " in shown for argument in arguments if argument.startswith("--"))
