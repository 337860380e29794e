"""The messages that end a drill, the list of drills, and the repair after an interrupted one."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from local.faults import FAULTS
from ops.notified import is_notified
from shared.wording.incidents import KINDS
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import MINIMUM, ROOT, run, settings_file

pytestmark = pytest.mark.fast

INCIDENTS = (ROOT / "tests/stack/test_incidents.py").read_text()
DRILLS = (ROOT / "infra_bash/lib/drills.sh").read_text()
NOTIFIED = json.dumps(
    {
        "message": "alert was handled",
        "event": "begun",
        "kind": "dead letters",
        "subject": "fact_payment",
        "via": "slack",
    }
)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([NOTIFIED], True),
        (["START RequestId: 1", NOTIFIED], True),
        ([NOTIFIED.replace("begun", "ended")], False),
        ([NOTIFIED.replace("dead letters", "freshness")], False),
        ([NOTIFIED.replace("fact_payment", "dim_staff")], False),
        ([NOTIFIED.replace("slack", "mail")], True),
        ([NOTIFIED.replace("slack", "nothing")], False),
        ([NOTIFIED.replace("slack", "nobody")], False),
        (["3", "no json"], False),
        ([], False),
    ],
)
def test_which_messages_notify_a_person(messages: list[str], expected: bool) -> None:
    assert is_notified(messages, "begun", "dead letters", "fact_payment") == expected


def test_there_is_a_drill_for_every_incident() -> None:
    names = set(re.findall(r"[a-z-]+", "".join(re.findall(r"^(?:ANYWHERE|LOCALLY)=\((.*?)\)", DRILLS, re.M | re.S))))
    assert names == {kind.runbook for kind in KINDS}
    assert set(FAULTS) < names


def test_a_drill_waits_for_the_message_of_its_own_subject() -> None:
    """Return the subjects of the incidents whose beginning tests/stack sees."""
    [table] = re.findall(r"^TABLE=(.*)$", DRILLS, re.M)
    others = dict(re.findall(r'\["([a-z-]+)"\]=(?:\'\'|([a-z_]+))', DRILLS))
    # Any table may have dead letters.
    seen = {("dead-letters", table)}
    for kind, subject in re.findall(r'incident\(called, "([a-z ]+)", "(\w*)"', INCIDENTS):
        seen.add((kind.replace(" ", "-"), subject))
    assert {(kind.runbook, others.get(kind.runbook, table)) for kind in KINDS} <= seen


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    made = FakeAws(tmp_path / "aws")
    made.answers("s3api get-object", "!NoSuchKey")
    made.answers("lambda list-event-source-mappings", '"the-bell"')
    return made


def drilled(tmp_path: Path, aws: FakeAws, name: str) -> subprocess.CompletedProcess[str]:
    """Run it on a local stack that has no source: the drill fails when it changes a row there."""
    (tmp_path / "work").mkdir()
    settings_file(tmp_path)
    about = {"TOTESTREAM_LOCAL": str(tmp_path), "TOTESTREAM_AWS": str(aws.program), "TMPDIR": str(tmp_path / "work")}
    return run("drill.sh", "--local", name, **about)


def test_a_drill_that_is_cut_short_starts_the_loader_that_it_has_stopped(tmp_path: Path, aws: FakeAws) -> None:
    done = drilled(tmp_path, aws, "run-refused")
    assert done.returncode == 1 and "not repaired" not in done.stderr and "unbound" not in done.stderr
    rules = [call.split()[1] for call in aws.asked if call.startswith("events ")]
    assert rules == ["disable-rule", "enable-rule"]
    calls = aws.asked_for("lambda update-event-source-mapping")
    assert [call.split()[-1] for call in calls] == ["--no-enabled", "--enabled"]
    assert aws.asked_for("s3api put-object") == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_drill_that_cannot_repair_says_so_and_leaves_nothing_of_its_own(tmp_path: Path, aws: FakeAws) -> None:
    aws.answers("events enable-rule", "!AccessDenied")
    done = drilled(tmp_path, aws, "run-refused")
    assert done.returncode == 1
    refusal, last = done.stderr.splitlines()[-2:]
    assert refusal.startswith("FAILED  events enable-rule: ")
    assert last == "FAILED  run-refused is not repaired; see docs/runbook.md#run-refused"
    assert list((tmp_path / "work").iterdir()) == []


def test_a_fault_that_watch_repairs_before_the_alert_is_no_drill(tmp_path: Path, aws: FakeAws) -> None:
    settings_file(tmp_path, MINIMUM + "REASK_AFTER_S=300\nFRESHNESS_OBJECTIVE_S=300\n")
    about = {"TOTESTREAM_LOCAL": str(tmp_path), "TOTESTREAM_AWS": str(aws.program)}
    done = run("drill.sh", "--local", "table-behind", **about)
    assert done.returncode == 2
    assert "REASK_AFTER_S=300 s" in done.stderr and done.stderr.count("\n") == 1


def called(aws: FakeAws, commands: str) -> subprocess.CompletedProcess[str]:
    """Run functions of the drills alone."""
    libraries = "".join(f"source {ROOT}/infra_bash/lib/{name}.sh; " for name in ("operator", "follow", "drills"))
    environment = {"PATH": os.environ["PATH"], "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", libraries + commands]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_what_never_comes_is_not_waited_for_for_ever(aws: FakeAws) -> None:
    key = "manifests/00000007/fact_payment.json"
    done = called(aws, f"IS_LOCAL=yes PIPELINE_S=1 EVERY_S=1 PROCESSED=bucket MANIFEST={key}; keep_manifest")
    assert done.returncode == 1
    said = f"FAILED  gave up after 1 s: {key} does not exist yet; see infra_bash/logs.sh --local fact_payment"
    assert done.stderr.splitlines()[-1] == said


def test_garbage_that_is_still_on_its_way_is_waited_for(tmp_path: Path, aws: FakeAws) -> None:
    aws.answers("sqs get-queue-url", "https://queue")
    aws.answers("sqs get-queue-attributes", "0")
    file = settings_file(tmp_path)
    done = called(aws, f"SETTINGS_FILE={file} GARBAGE_S=1 EVERY_S=1; touch $WORK/sent; drop_garbage")
    assert done.returncode == 1
    assert done.stderr == "FAILED  the invalid message is not a dead letter after 1 s\n"
    # A drill that has sent no message does not wait for it.
    assert called(aws, "IS_LOCAL=no drop_garbage").returncode == 0
