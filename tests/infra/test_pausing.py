"""pause.sh and resume.sh: what they change, in which order, and what a dry run and a second run do."""

import subprocess
from pathlib import Path

import pytest

from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import run, settings_file

pytestmark = pytest.mark.fast

RULE, SOURCE, RECORD = "totestream-test-load", "a-uuid", "health/paused.json"
OFF = [
    f"s3api put-object --bucket totestream-test-ingestion-123456789012 --key {RECORD}",
    f"events disable-rule --name {RULE}",
    f"lambda update-event-source-mapping --uuid {SOURCE} --no-enabled",
]
ON = [
    f"lambda update-event-source-mapping --uuid {SOURCE} --enabled",
    f"events enable-rule --name {RULE}",
]


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    made = FakeAws(tmp_path / "aws")
    made.answers("s3api get-object", "!NoSuchKey")
    made.answers("events list-rules", f'["{RULE}"]')
    made.answers("lambda list-event-source-mappings", f'["{SOURCE}"]')
    return made


def switch(script: str, aws: FakeAws, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(script, "--settings", settings_file(tmp_path), *options, TOTESTREAM_AWS=str(aws.program))


def writes(aws: FakeAws) -> list[str]:
    changing = [call for call in aws.asked if call.split()[1].split("-")[0] not in {"get", "list"}]
    return [call.split(" --body")[0] for call in changing]


def test_a_pause_is_recorded_before_anything_stops(tmp_path: Path, aws: FakeAws) -> None:
    done = switch("pause.sh", aws, tmp_path)
    assert (done.returncode, done.stderr) == (0, "pause   1 schedules and 1 event sources\n")
    assert writes(aws) == OFF


def test_a_resume_starts_the_event_sources_first(tmp_path: Path, aws: FakeAws) -> None:
    done = switch("resume.sh", aws, tmp_path)
    assert (done.returncode, done.stderr) == (0, "resume  1 schedules and 1 event sources\n")
    assert writes(aws) == ON


@pytest.mark.parametrize("script", ["pause.sh", "resume.sh"])
def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, aws: FakeAws, script: str) -> None:
    done = switch(script, aws, tmp_path, "--dry-run")
    verb = script.removesuffix(".sh")
    said = f"{verb:8}1 schedules and 1 event sources\nok      a dry run: nothing was written\n"
    assert (done.returncode, done.stderr, writes(aws)) == (0, said, [])


@pytest.mark.parametrize("script", ["pause.sh", "resume.sh"])
def test_a_stack_without_schedules_cannot_be_switched(tmp_path: Path, aws: FakeAws, script: str) -> None:
    aws.answers("events list-rules", "[]")
    done = switch(script, aws, tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("FAILED  there is no schedule totestream-test-")
    assert writes(aws) == []
