"""What the papers name is there."""

import re
import subprocess
from pathlib import Path

import pytest
from botocore import xform_name

from ops.secret_values import check, file_values
from ops.settings.declarations import SECRETS
from ops.settings.load import load
from ops.stack.alarms import ALARMS
from shared.names import ALERTS, MAIL
from shared.wording.incidents import KINDS, IncidentKind
from tests.infra import service_models
from tests.runbook import ENTRIES, commands

pytestmark = pytest.mark.fast

TESTS = Path(__file__).parent
PAPERS = [(TESTS.parent / "docs" / name).read_text() for name in ("reliability.md", "security.md", "aws.md")]
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


AWS_PAGE = (ROOT / "docs/aws.md").read_text()
OF_AWS_PAGE = re.findall(r"^\$ \./infra_bash/(.+)$", AWS_PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", sorted({*OF_AWS_PAGE, *(each for entry in ENTRIES for each in commands(entry))}))
def test_each_command_of_the_runbook_and_of_the_aws_page_is_one_that_its_script_takes(command: str) -> None:
    script, *arguments = command.split()
    shown = subprocess.run([ROOT / "infra_bash" / script, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(f"{argument} " in shown for argument in arguments if argument.startswith("--"))


@pytest.mark.parametrize("command", re.findall(r"^\$ \.venv/bin/aws (.+)$", AWS_PAGE, re.MULTILINE))
def test_each_aws_command_of_the_page_is_one_of_the_cli(command: str) -> None:
    service, operation, *arguments = command.split()
    model = service_models.service_model(service)
    [shape] = [model.operation_model(n).input_shape for n in model.operation_names if xform_name(n, "-") == operation]
    assert shape is not None
    options = {f"--{xform_name(name, '-')}" for name in shape.members}
    assert {each for each in arguments if each.startswith("--")} <= options


def test_the_settings_and_secrets_of_the_aws_page_are_accepted(tmp_path: Path) -> None:
    settings, logins = re.findall(r"^```ini\n(.*?)^```", AWS_PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "settings.env"
    file.write_text(settings)
    values = load(file, {})
    assert values["ACCOUNT_EXPIRES"] and values["PERMISSIONS_BOUNDARY"].endswith(":policy/totestream-prod-boundary")
    (tmp_path / "secrets.env").write_text(logins)
    (tmp_path / "secrets.env").chmod(0o600)
    given = file_values(tmp_path / "secrets.env")
    assert given.keys() == {f"{name}_VALUE" for name in SECRETS}
    for name, content in given.items():
        check(name, content)


def test_the_costs_of_the_aws_page_are_those_of_the_cost_page() -> None:
    cost = (ROOT / "docs/cost.md").read_text()
    at_rest, each_minute, endpoints = re.findall(
        r"([\d.]+) USD a month at rest, ([\d.]+) with .*? and (\d+) more", AWS_PAGE
    )[0]
    assert re.search(rf"^\| \*\*all\*\* .*\*\*{at_rest}\*\*.*\*\*{each_minute}\*\* \|$", cost, re.MULTILINE)
    assert f"SQS are four: {endpoints})" in cost


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "local/README.md"])
LINKS = [
    (page, target)
    for page in PAGES
    for target in re.findall(r"\]\(((?!https?:)[^)\s]+)\)", re.sub(r"`[^`]*`", "", page.read_text()))
]


def anchors(page: str) -> set[str]:
    """The anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize(("page", "target"), LINKS, ids=lambda each: each.name if isinstance(each, Path) else each)
def test_each_link_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (page.parent / path) if path else page
    assert file.exists()
    assert not anchor or anchor in anchors(file.read_text())
