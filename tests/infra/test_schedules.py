"""A deploy ends when the schedules were seen at work: by looks that name their rule, made after all was put."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ops.schedules import interval_s, newest, plan, when
from tests.infra import doors
from tests.infra.fake_aws import FakeAws

pytestmark = pytest.mark.fast

RULE, FUNCTION = "totestream-test-watch", "totestream-test-watch"


@pytest.mark.parametrize(
    ("expression", "seconds", "words"),
    [
        ("rate(1 minute)", 60, "within 1 minute"),
        ("rate(5 minutes)", 300, "within 5 minutes"),
        ("rate(6 minutes)", 0, "within 6 minutes"),
        ("rate(1 hour)", 0, "within 1 hour"),
        ("cron(30 3 * * ? *)", 0, "at cron(30 3 * * ? *), UTC"),
    ],
)
def test_what_is_waited_for_and_when_the_rest_comes(expression: str, seconds: int, words: str) -> None:
    assert (interval_s(expression), when(expression)) == (seconds, words)


def state(folder: Path, **differences: str) -> str:
    """Return the state in the plan of one rule, given these lines of differences."""
    requests: dict[str, Any] = {
        f"rules/{RULE}": {"ScheduleExpression": "rate(1 minute)"},
        f"rule_targets/{RULE}": {"Targets": [{"Arn": f"arn:aws:lambda:eu-west-2:1:function:{FUNCTION}"}]},
        f"permissions/{FUNCTION}.schedule": {"SourceArn": f"arn:aws:events:eu-west-2:1:rule/{RULE}"},
    }
    for name, request in requests.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(request))
    for kind in ("rules", "rule_targets", "permissions", "functions"):
        (folder / f"{kind}.diff").write_text(f"{differences.get(kind, 'ok')}\t{name_of(kind)}\t\n")
    [(rule, function, seconds, found, _)] = plan(folder)
    assert (rule, function, seconds) == (RULE, FUNCTION, 60)
    return found


def name_of(kind: str) -> str:
    return {"permissions": f"{FUNCTION}.schedule", "functions": FUNCTION}.get(kind, RULE)


def test_a_look_of_before_counts_where_nothing_was_put_that_it_needs(tmp_path: Path) -> None:
    assert state(tmp_path) == "same"
    for kind in ("rules", "rule_targets", "permissions"):
        assert state(tmp_path, **{kind: "update"}) == "changed"
    assert state(tmp_path, functions="create", rule_targets="create") == "new"


def test_only_what_names_the_rule_is_its_look() -> None:
    ours = {"timestamp": 9, "message": json.dumps({"message": "extraction done"})}
    another = {"timestamp": 8, "message": json.dumps({"message": "extraction done", "rule": "totestream-test-extract"})}
    lambdas = {"timestamp": 7, "message": f"START {RULE}"}
    answer = json.loads(looks(3, 5))
    answer["events"] += [ours, another, lambdas]
    assert newest(RULE, json.dumps(answer)) == 5
    assert newest(RULE, '{"events": []}') == newest(RULE, "") == 0


# ---- the script


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "fake")


def looks(*times: int) -> str:
    said = json.dumps({"message": "watch looked", "rule": RULE})
    return json.dumps({"events": [{"timestamp": time, "message": said} for time in times]})


def prove(aws: FakeAws, schedule: str, before: str = "", settings: str = "") -> Any:
    script = f"printf '%s\\n' '{schedule}' >$WORK/schedules; {settings}"
    script += f"\nprintf '{before}' >$WORK/before.{RULE}" if before else ""
    return doors.run(aws, f"{script}\nprove_schedules")


MINUTELY = f"{RULE}\t{FUNCTION}\t60\t{{}}\twithin 1 minute"


def test_a_look_that_the_schedule_made_ends_the_proof(aws: FakeAws) -> None:
    aws.answers("logs filter-log-events", looks(7))
    done = prove(aws, MINUTELY.format("same"))
    assert (done.returncode, done.stderr) == (0, f"ok      schedules at work: {RULE}\n")
    [asked] = aws.asked
    assert f"--log-group-name /aws/lambda/{FUNCTION} " in asked and f'{{ $.rule = "{RULE}" }}' in asked


def test_what_was_changed_is_proved_by_a_later_look_and_the_wait_is_said(aws: FakeAws) -> None:
    aws.answers("logs filter-log-events", looks(7), "{}", looks(7), looks(7, 9))
    done = prove(aws, MINUTELY.format("changed"), before="7")
    assert done.returncode == 0, done.stderr
    waits, seen = done.stderr.splitlines()
    assert re.fullmatch(rf"wait    schedule {RULE} has not started {FUNCTION} yet \(\d of at most 150 s\)", waits)
    assert seen == f"ok      schedules at work: {RULE}"
    assert doors.slept(aws.folder) == 3


def test_a_schedule_that_starts_nothing_fails_the_deploy(aws: FakeAws) -> None:
    """Run it where two intervals are over at once."""
    done = prove(aws, MINUTELY.format("new"), settings="LATE_S=-120")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"FAILED  gave up after 0 s: schedule {RULE} has not started {FUNCTION} yet; it works"
    )


@pytest.mark.parametrize(
    ("schedule", "settings", "words"),
    [
        (MINUTELY.format("new"), "WAIT_FOR_SCHEDULES=no", "within 1 minute"),
        (f"{RULE}\t{FUNCTION}\t0\tnew\tat cron(30 3 * * ? *), UTC", "", "at cron(30 3 * * ? *), UTC"),
    ],
)
def test_of_what_is_not_waited_for_it_is_said_when_it_comes(
    aws: FakeAws, schedule: str, settings: str, words: str
) -> None:
    done = prove(aws, schedule, settings=settings)
    assert done.returncode == 0
    assert done.stderr.startswith(f"later   schedule {RULE}: {words}; infra_bash/logs.sh")
    aws.answers("logs filter-log-events", looks(1))
    assert prove(aws, schedule, settings=settings).stderr == f"ok      schedules at work: {RULE}\n"
