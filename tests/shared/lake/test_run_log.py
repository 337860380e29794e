"""The run log: its newest record is found whatever the hint says, and a number is taken once."""

from datetime import datetime

import msgspec
import pytest

from shared.aws.bucket import S3Bucket
from shared.errors import BadDocument
from shared.lake import keys
from shared.lake.documents import Batch, RunRecord, Snapshot, TableState, decode, encode
from shared.lake.run_log import RunLog, messages_of

pytestmark = pytest.mark.fast


def record(run: int, attempt: str = "one") -> RunRecord:
    batch = Batch(mode="delta", reason="rows changed", rows=0, parts=(), catalogue="")
    return RunRecord(
        version=1,
        log="log",
        run=run,
        attempt=attempt,
        cause="schedule",
        code="test",
        snapshot=Snapshot(taken_at=datetime(2026, 1, 5), xmin=1, xmax=1),
        tables={"staff": TableState(batch=batch), "currency": TableState()},
        targets=(),
        warehouse=(),
    )


@pytest.fixture
def log(ingestion: S3Bucket) -> RunLog:
    return RunLog(ingestion)


def test_an_empty_log_has_no_newest_record(log: RunLog) -> None:
    assert log.newest() is None


@pytest.mark.parametrize("hint", [None, 1, 3, 5, 99])
def test_the_newest_is_found_with_a_hint_that_lags_misses_or_lies(log: RunLog, hint: int | None) -> None:
    for run in range(1, 6):
        assert log.commit(record(run))
    if hint:
        log.hint(hint)
    newest = log.newest()
    assert newest is not None and newest.run == 5


def test_a_hint_that_is_no_hint_is_passed_over(log: RunLog) -> None:
    log.commit(record(1))
    log.bucket.put(keys.LATEST_HINT, b"\x00")
    assert log.newest_number() == 1


def test_a_number_is_taken_once_and_its_writer_knows_its_own(log: RunLog) -> None:
    assert log.commit(record(1, "mine"))
    assert log.commit(record(1, "mine"))  # the answer to the first was lost
    assert not log.commit(record(1, "another"))
    assert log.get(1).attempt == "mine"


def test_more_than_a_thousand_records_are_all_listed(log: RunLog) -> None:
    for run in range(1, 1004):
        log.bucket.put(keys.run_key(run), b"{}")
    assert log.newest_number() == 1003


def test_unpublished_runs_are_those_without_a_marker(log: RunLog) -> None:
    for run in (1, 3):
        log.mark_published(run)
    assert log.unpublished(4) == [2, 4]


def test_one_message_per_table_that_has_a_batch() -> None:
    assert [(message.run, message.table) for message in messages_of(record(7))] == [(7, "staff")]


def test_unknown_fields_are_ignored_and_a_missing_one_is_named() -> None:
    known = msgspec.json.decode(encode(record(1)))
    assert decode(msgspec.json.encode({**known, "new": 1}), RunRecord, "it") == record(1)
    del known["attempt"]
    with pytest.raises(BadDocument, match="it cannot be read: .*attempt"):
        decode(msgspec.json.encode(known), RunRecord, "it")


def test_a_version_of_the_future_is_refused() -> None:
    known = msgspec.json.decode(encode(record(1)))
    with pytest.raises(BadDocument, match="its version is 2"):
        decode(msgspec.json.encode({**known, "version": 2}), RunRecord, "it")
