"""What retry.sh says of dead letters, and what it asks AWS to do, in order, without any AWS."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from ops import dead_letters
from ops.dead_letters import age, decisions, ledger_event, letters, line, unchecked_runs
from shared.lake.keys import manifest_key
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT, run, settings_file

Json = dict[str, Any]
NOW_S = 1_800_000_000


def received(
    number: int, body: str, age_s: int = 0, handle: str = "", *, moved: bool = False, **attributes: str
) -> Json:
    """Return a message as ReceiveMessage returns it; `moved` by SQS, which names the queue of origin."""
    source = {"DeadLetterQueueSourceArn": "arn:aws:sqs:eu-west-2:123456789012:totestream-test-dim_staff"}
    return {
        "MessageId": f"id-{number}",
        "ReceiptHandle": handle or f"handle-{number}",
        "Body": body,
        "Attributes": {"SentTimestamp": str((NOW_S - age_s) * 1000), "ApproximateReceiveCount": "40"}
        | (source if moved else {}),
        "MessageAttributes": {name: {"StringValue": text, "DataType": "String"} for name, text in attributes.items()},
    }


def body(number: int, log: str = "log-1", table: str = "staff") -> str:
    return json.dumps({"version": 1, "log": log, "run": number, "table": table})


def checked(number: int, outcome: str, reason: str = "", error: str = "", is_permanent: bool = False) -> Json:
    return {"run": number, "outcome": outcome, "reason": reason, "error": error, "is_permanent": is_permanent}


def answer(*results: Json) -> Json:
    return {"table": "dim_staff", "log": "log-1", "results": list(results), "next": None, "last": 9}


def test_a_letter_says_its_run_its_source_and_why() -> None:
    moved_letters = received(1, body(7), 130, error="CorruptObject", reason="a part\n is corrupt", receives="3")
    moved = received(2, body(8), 7200, moved=True)
    unsent = received(3, body(9), 1, ErrorCode="AccessDenied", ErrorMessage="no")
    none = received(4, "not json", 0, error="BadDocument", reason="id-4 cannot be read", receives="1")
    by_hand = received(5, body(10), 7200, table="staff")
    found = letters([{"Messages": [unsent, moved]}, {}, {"Messages": [none, moved_letters, by_hand]}])
    assert [line(each, NOW_S) for each in found] == [
        "message id-4, 1 receives, 0 s old: BadDocument: id-4 cannot be read",
        "run 7 (staff), 3 receives, 2 min old: CorruptObject: a part is corrupt",
        "run 8 (staff), 12 receives, 2 h old: received 12 times without success",
        "run 9 (staff), - receives, 1 s old: SNS could not send it to the queue: AccessDenied no",
        "run 10 (staff), - receives, 2 h old: unknown: neither our function nor SQS moved it here",
    ]


def test_an_age_in_its_largest_unit() -> None:
    assert [age(seconds) for seconds in (-3, 0, 59.9, 60, 3599, 3600, 86_399, 1_000_000)] == [
        "0 s", "0 s", "59 s", "1 min", "59 min", "1 h", "23 h", "11 d",
    ]  # fmt: skip


def test_a_letter_that_comes_twice_is_one_with_its_last_handle() -> None:
    [one] = letters([{"Messages": [received(1, body(1))]}, {"Messages": [received(1, body(1), handle="newer")]}])
    assert one.handle == "newer"


def test_each_run_is_checked_once() -> None:
    found = letters([{"Messages": [received(n, body(n // 2)) for n in (2, 3, 4, 6)] + [received(9, "[]")]}])
    assert unchecked_runs(found, []) == [1, 2, 3]
    assert unchecked_runs(found, [answer(checked(1, "missing"), checked(2, "missing"))]) == [3]


def test_what_becomes_of_each() -> None:
    bodies = ["nothing", body(2, log="log-0"), *map(body, range(3, 9))]
    found = letters([{"Messages": [received(number, text) for number, text in enumerate(bodies, start=1)]}])
    checks = answer(
        checked(2, "missing"),
        checked(3, "missing"),
        checked(4, "exists"),
        checked(5, "not_expected"),
        checked(6, "failed", "S3: SlowDown", "AwsUnavailable"),
        checked(7, "failed", "a part is corrupt", "CorruptObject", is_permanent=True),
        checked(8, "no_such_run", "runs/8 is not there", "MissingObject", is_permanent=True),
    )
    assert [(each.decision, each.words) for each in decisions(found, [checks], [], "dim_staff")] == [
        ("useless", "message id-1 is not a change message"),
        ("useless", "run 2 (staff) belongs to another run log"),
        ("useless", "run 8 (staff) is not in the run log"),
        ("keep", "run 7 (staff) would fail again: CorruptObject: a part is corrupt"),
        ("redrive", "run 3 (staff)"),
        ("redrive", "run 4 (staff): its manifest exists"),
        ("redrive", "run 5 (staff): that run has nothing for this table"),
        ("redrive", "run 6 (staff), which fails for now: AwsUnavailable: S3: SlowDown"),
    ]
    awaited = [each.key for each in decisions(found, [checks], [], "dim_staff") if each.key != "-"]
    assert awaited == [manifest_key(3, "dim_staff"), manifest_key(6, "dim_staff")]


def test_what_would_fail_again_and_the_warehouse_is_done_with_is_of_no_use() -> None:
    found = letters([{"Messages": [received(n, body(n)) for n in (3, 4, 5, 6)] + [received(7, body(7, log="log-0"))]}])
    checks = answer(
        checked(3, "missing"),
        checked(4, "failed", "a part is corrupt", "CorruptObject", is_permanent=True),
        checked(5, "failed", "a part is corrupt", "CorruptObject", is_permanent=True),
        checked(6, "failed", "a part is corrupt", "CorruptObject", is_permanent=True),
        checked(7, "failed", "a part is corrupt", "CorruptObject", is_permanent=True),
    )
    asked = {"do": "taken", "table": "dim_staff", "log": "log-1", "runs": [4, 5, 6]}
    assert ledger_event(found, [checks], "dim_staff") == asked
    assert ledger_event(found, [answer(checked(3, "missing"))], "dim_staff") is None
    ledger = {"taken": [[3, "superseded"], [4, "superseded"], [5, "loaded"]], "no_answer": ""}
    assert [(each.decision, each.words) for each in decisions(found, [checks], [ledger], "dim_staff")] == [
        (
            "useless",
            "run 4 (staff) is no longer needed: a later full batch superseded it, and would fail again",
        ),
        ("useless", "run 5 (staff) is loaded, and would fail again"),
        ("useless", "run 7 (staff) belongs to another run log"),
        ("keep", "run 6 (staff) would fail again: CorruptObject: a part is corrupt"),
        ("redrive", "run 3 (staff)"),
    ]


def test_what_is_sent_on_is_the_same_message(tmp_path: Path) -> None:
    text = '{"version": 1,  "log": "log-1", "run": 5, "table": "staff", "new": "ü\\n"}'
    dead_letters.write_requests(tmp_path, letters([{"Messages": [received(1, text, reason="x")]}]), "queue", "dead")
    assert {kind: json.loads((tmp_path / kind / "id-1.json").read_text()) for kind in ("send", "delete", "return")} == {
        "send": {
            "QueueUrl": "queue",
            "MessageBody": text,
            "MessageAttributes": {"table": {"DataType": "String", "StringValue": "staff"}},
        },
        "delete": {"QueueUrl": "dead", "ReceiptHandle": "handle-1"},
        "return": {"QueueUrl": "dead", "ReceiptHandle": "handle-1", "VisibilityTimeout": 0},
    }


# ---- the script


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    """Answer with a letter that would succeed, one that would fail again, one that is not a change message; then
    nothing."""
    fake = FakeAws(tmp_path / "fake")
    given = [received(1, body(3)), received(2, body(4), error="CorruptObject", reason="x"), received(3, "none")]
    fake.answers("sqs get-queue-url", "url")
    fake.answers("sqs receive-message", json.dumps({"Messages": given}), "")
    checks = answer(checked(3, "missing"), checked(4, "failed", "x", "CorruptObject", is_permanent=True))
    needed = json.dumps({"taken": [], "no_answer": ""})
    fake.answers("lambda invoke", json.dumps(checks), needed)
    fake.answers("lambda list-event-source-mappings", '"Enabled"')
    fake.answers("s3api head-object", "5")
    return fake


def retry(aws: FakeAws, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = settings_file(tmp_path)
    return run("retry.sh", "dim_staff", "--settings", file, *arguments, TOTESTREAM_AWS=str(aws.program))


def done_to(aws: FakeAws) -> list[str]:
    """Return the requests that change something, in order: kind and letter."""
    return [found[0] for call in aws.asked if (found := re.findall(r"/letters/(\w+/id-\d)\.json$", call))]


def test_it_is_sent_before_it_is_deleted_and_what_stays_is_given_back(aws: FakeAws, tmp_path: Path) -> None:
    done = retry(aws, tmp_path)
    assert done.returncode == 1, done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert done_to(aws) == ["send/id-1", "delete/id-1", "return/id-2", "return/id-3"]
    assert "ok      run 3 (staff): manifests/00000003/dim_staff.json exists\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("FAILED  dead letters of dim_staff that are kept: 2; ")


def test_a_useless_letter_is_deleted_with_drop(aws: FakeAws, tmp_path: Path) -> None:
    done = retry(aws, tmp_path, "--drop")
    assert done_to(aws) == ["delete/id-3", "send/id-1", "delete/id-1", "return/id-2"]
    assert "that are kept: 1;" in done.stderr


def test_a_superseded_letter_is_deleted_with_drop_and_reported(aws: FakeAws, tmp_path: Path) -> None:
    checks = answer(checked(3, "missing"), checked(4, "failed", "x", "CorruptObject", is_permanent=True))
    aws.answers("lambda invoke", json.dumps(checks), json.dumps({"taken": [[4, "superseded"]], "no_answer": ""}))
    done = retry(aws, tmp_path, "--drop")
    assert done.returncode == 0, done.stderr
    assert done_to(aws) == ["delete/id-3", "delete/id-2", "send/id-1", "delete/id-1"]
    assert "drop    run 4 (staff) is no longer needed: a later full batch superseded it" in done.stderr


def test_a_warehouse_that_does_not_answer_keeps_them(aws: FakeAws, tmp_path: Path) -> None:
    checks = answer(checked(3, "missing"), checked(4, "failed", "x", "CorruptObject", is_permanent=True))
    aws.answers("lambda invoke", json.dumps(checks), json.dumps({"taken": [], "no_answer": "warehouse: down"}))
    done = retry(aws, tmp_path, "--drop")
    assert done_to(aws) == ["delete/id-3", "send/id-1", "delete/id-1", "return/id-2"]
    assert "wait    the warehouse cannot say which of them it still needs: warehouse: down\n" in done.stderr


def test_a_dry_run_only_gives_back(aws: FakeAws, tmp_path: Path) -> None:
    done = retry(aws, tmp_path, "--drop", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done_to(aws) == ["return/id-1", "return/id-2", "return/id-3"]
    assert [said.split()[1] for said in done.stderr.splitlines()] == ["drop", "keep", "redrive"]
    assert aws.asked_for("s3api head-object") == []


@pytest.mark.parametrize("state", ['"Disabled"', '"Disabling"', "null"])
def test_nothing_is_sent_where_nobody_takes_from_the_queue(aws: FakeAws, tmp_path: Path, state: str) -> None:
    aws.answers("lambda list-event-source-mappings", state)
    done = retry(aws, tmp_path)
    assert done.returncode == 1
    assert done_to(aws) == ["return/id-1", "return/id-2", "return/id-3"]
    assert re.search(r"FAILED  .*(paused; run infra_bash/resume.sh|run infra_bash/deploy.sh).*\n\Z", done.stderr)


def test_one_that_is_a_dead_letter_again_is_said_to_be(aws: FakeAws, tmp_path: Path) -> None:
    first = json.dumps({"Messages": [received(1, body(3))]})
    again = json.dumps({"Messages": [received(8, body(3), error="KeyError", reason="so"), received(9, body(5))]})
    aws.answers("sqs receive-message", first, "", again)
    aws.answers("s3api head-object", "!404")
    done = retry(aws, tmp_path)
    assert done.returncode == 1
    assert "again   run 3 (staff) is a dead letter again: KeyError: so\n" in done.stderr
    assert "--visibility-timeout 0 " in aws.asked_for("sqs receive-message")[-1]


def test_without_dead_letters_that_is_all_there_is_to_say(aws: FakeAws, tmp_path: Path) -> None:
    aws.answers("sqs receive-message", "")
    (aws.folder / "sqs.receive-message.1").unlink()
    aws.answers("sqs get-queue-attributes", "0")
    done = retry(aws, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "ok      no dead letters of dim_staff\n")


def test_what_another_has_taken_is_waited_for(aws: FakeAws, tmp_path: Path) -> None:
    (aws.folder / "sqs.receive-message.1").unlink()
    aws.answers("sqs get-queue-attributes", "2", "2", "0")
    done = retry(aws, tmp_path)
    assert done.returncode == 0
    waits, said = done.stderr.splitlines()
    assert re.fullmatch(r"wait    another retry.sh holds 2 dead letters of dim_staff \(\d of at most 180 s\)", waits)
    assert said == "ok      no dead letters of dim_staff"


def test_a_stack_that_is_not_there_is_one_line(aws: FakeAws, tmp_path: Path) -> None:
    aws.answers("sqs get-queue-url", "!AWS.SimpleQueueService.NonExistentQueue")
    done = retry(aws, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    deploy = f"infra_bash/deploy.sh --settings {settings_file(tmp_path)}"
    assert done.stderr == f"FAILED  queue totestream-test-dim_staff does not exist; run {deploy}\n"


def test_ended_half_way_it_gives_back_what_it_has(aws: FakeAws, tmp_path: Path) -> None:
    """End it while it follows: the first message is redriven, the other two letters are hidden."""
    aws.answers("s3api head-object", "!404")
    command = [str(ROOT / "infra_bash/retry.sh"), "dim_staff", "--settings", settings_file(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (aws.folder / "s3api.head-object.count").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
    assert done_to(aws) == ["send/id-1", "delete/id-1", "return/id-2", "return/id-3"]
