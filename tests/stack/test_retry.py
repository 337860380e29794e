"""Dead letters sent on and runs taken again, with the scripts, on the stack that goes on meanwhile."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from shared.lake.keys import manifest_key
from shared.warehouse.registry import TARGETS
from shared.watch.queues import QueueDepths
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_bad_input import change_payment, design_part, mapping_away, send

Done = subprocess.CompletedProcess[str]
DESIGN, PAYMENT = "dim_design", "fact_payment"


def retry(stack: LocalStack, *arguments: str) -> Done:
    return stack.script("retry", "--local", *arguments)


def replay(stack: LocalStack, *arguments: str) -> Done:
    return stack.script("replay", "--local", *arguments)


def waiting(stack: LocalStack, table: str) -> int:
    """Dead letters that anyone could take now."""
    sqs, wanted = stack.aws("sqs"), "ApproximateNumberOfMessages"
    url = sqs.get_queue_url(QueueName=stack.names.dead_letter_queue(table))["QueueUrl"]
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[wanted])["Attributes"][wanted])


def last_line(done: Done) -> str:
    return done.stderr.splitlines()[-1]


@pytest.fixture
def corrupt(stack: LocalStack) -> Iterator[tuple[str, bytes]]:
    """A part of design that is damaged, with a dead letter of it: its key, and the bytes that it should have."""
    s3, bucket = stack.aws("s3"), stack.names.bucket("ingestion")
    with mapping_away(stack, DESIGN):
        stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 4")
        key, good = design_part(stack, stack.extract())
        s3.put_object(Bucket=bucket, Key=key, Body=good[:-1] + bytes([good[-1] ^ 1]))
    wait_for(lambda: waiting(stack, DESIGN), "a dead letter")
    yield key, good
    s3.put_object(Bucket=bucket, Key=key, Body=good)


def test_what_would_fail_again_stays_and_what_was_mended_arrives(stack: LocalStack, corrupt: tuple[str, bytes]) -> None:
    key, good = corrupt
    shown = retry(stack, DESIGN)
    assert shown.returncode == 1, shown.stderr
    [letter] = shown.stdout.splitlines()
    assert "(design), 1 receives" in letter and f"{key} is corrupt" in letter and ": CorruptObject: " in letter
    assert "keep    run " in shown.stderr and "would fail again: CorruptObject: " in shown.stderr
    assert last_line(shown).startswith("FAILED  dead letters of dim_design that are kept: 1; ")
    assert waiting(stack, DESIGN) == 1

    stack.aws("s3").put_object(Bucket=stack.names.bucket("ingestion"), Key=key, Body=good)
    dry = retry(stack, DESIGN, "--dry-run")
    assert (dry.returncode, dry.stdout.split(" receives")[0]) == (0, letter.split(" receives")[0])
    assert "would   redrive run " in dry.stderr and waiting(stack, DESIGN) == 1
    with mapping_away(stack, DESIGN):
        paused = retry(stack, DESIGN)
    assert (paused.returncode, last_line(paused)) == (
        1,
        "FAILED  dim_design is paused; run infra_bash/resume.sh --local first",
    )
    assert waiting(stack, DESIGN) == 1

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: retry(stack, DESIGN), range(2)))
    assert [done.returncode for done in both] == [0, 0], [done.stderr for done in both]
    assert [("redrive " in done.stderr, "no dead letters" in done.stderr) for done in both].count((True, False)) == 1
    assert any(f"/{DESIGN}.json exists" in done.stderr for done in both)
    stack.arrives()


def test_a_message_that_is_none_is_deleted_when_told(stack: LocalStack) -> None:
    send(stack, DESIGN, "not json")
    wait_for(lambda: waiting(stack, DESIGN), "a dead letter")
    kept = retry(stack, DESIGN)
    assert kept.returncode == 1 and "is not a change message; --drop deletes it" in kept.stderr
    assert waiting(stack, DESIGN) == 1
    dropped = retry(stack, DESIGN, "--drop")
    assert dropped.returncode == 0 and "drop    message " in dropped.stderr, dropped.stderr
    again = retry(stack, DESIGN, "--drop")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "ok      no dead letters of dim_design\n")


@contextmanager
def traffic(stack: LocalStack) -> Iterator[None]:
    """Extract and load, one after the other without a pause, while payments change."""
    over = Event()

    def go_on() -> None:
        while not over.is_set():
            change_payment(stack)
            stack.invoke("extract")
            stack.invoke("load")

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        try:
            yield
        finally:
            over.set()
            going.result()


def test_a_replay_amid_the_traffic_makes_what_lacks_and_a_verify_writes_nothing(stack: LocalStack) -> None:
    change_payment(stack)
    run = stack.extract()
    stack.arrives()
    key = manifest_key(run, PAYMENT)
    before = stack.get("processed", key)
    stack.aws("s3").delete_object(Bucket=stack.names.bucket("processed"), Key=key)
    with traffic(stack):
        done = [replay(stack, PAYMENT, "--from", str(max(run - 3, 1)), "--to", str(run)) for _ in range(2)]
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert f"run {run} made: " in done[0].stdout and "made" not in done[1].stdout
    assert stack.get("processed", key) == before
    stack.arrives()
    queues = QueueDepths(stack.names, stack.aws("sqs"))
    wait_for(lambda: not any(queues.messages(TARGETS).values()), "rest")

    keys = [stack.keys(bucket, "") for bucket in ("ingestion", "processed")]
    same = replay(stack, PAYMENT, "--from", str(run), "--verify")
    assert same.returncode == 0, same.stdout + same.stderr
    assert same.stdout.startswith(f"{PAYMENT}, runs {run} to ") and " same" in same.stdout
    assert [stack.keys(bucket, "") for bucket in ("ingestion", "processed")] == keys


def test_wrong_use_is_one_line(stack: LocalStack, tmp_path: Path) -> None:
    for done in (retry(stack, "design"), replay(stack, "design", "--from", "1")):
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("design is a source table; its warehouse tables are: dim_design\n")
    beyond = replay(stack, DESIGN, "--from", "99999999")
    assert (beyond.returncode, beyond.stdout, len(beyond.stderr.splitlines())) == (1, "", 1)
    assert ": run 99999999 does not exist; the newest run is " in beyond.stderr
    other = tmp_path / "other.env"
    other.write_text((stack.folder / "settings.env").read_text().replace("STAGE=", "STAGE=no"))
    for name, more in (("retry", ()), ("replay", ("--from", "1"))):
        absent = stack.script(name, "--settings", str(other), DESIGN, *more)
        assert (absent.returncode, absent.stdout, len(absent.stderr.splitlines())) == (1, "", 1), absent.stderr
        # retry.sh names the stack; a function that is not there does not.
        assert absent.stderr.endswith(("infra_bash/deploy.sh\n", f"infra_bash/deploy.sh --settings {other}\n"))
