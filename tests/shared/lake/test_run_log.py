"""The run log: its newest record is found whatever the hint says, and a number is taken once."""

from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.bucket import S3Bucket
from shared.errors import BadDocument
from shared.lake import keys
from shared.lake.documents import Batch, RunRecord, Snapshot, TableState, decode, encode
from shared.lake.listing import _behind
from shared.lake.run_log import RunLog, messages_of

pytestmark = pytest.mark.fast


def record(run: int, attempt: str = "one", log: str = "log", began: int = 1) -> RunRecord:
    batch = Batch(mode="delta", reason="rows changed", rows=0, parts=(), catalogue="")
    return RunRecord(
        version=1,
        log=log,
        run=run,
        attempt=attempt,
        cause="schedule",
        code="test",
        snapshot=Snapshot(taken_at=datetime(2026, 1, 5), xmin=1, xmax=1),
        tables={"staff": TableState(batch=batch), "currency": TableState()},
        targets=(),
        warehouse=(),
        began=began,
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
    for run in range(1, 1003):
        log.bucket.put(keys.run_key(run), b"{}")
    log.commit(record(1003))
    assert log.newest_number() == 1003


def test_unpublished_runs_are_those_without_a_marker(log: RunLog) -> None:
    for run in (1, 3):
        log.mark_published(run)
    assert log.unpublished(4) == [2, 4]


STRANGERS = (
    *("runs/", "runs/notes.txt", "runs/old/00000007.json", "runs/00000042.json.bak", "runs/00000042.json/"),
    *("runs/000000042.json", "runs/0000042.json", "runs/00000000.json", "runs/-0000001.json", "runs/0000000٣.json"),
    *("published/notes.txt", "published/00000042.json.bak", "runs/00000002.JSON", "runs/00000002/00000009.json"),
)


@pytest.mark.parametrize("key", STRANGERS)
@pytest.mark.parametrize("hint", [None, 3])
def test_what_is_not_named_like_a_record_or_a_marker_is_passed_over(log: RunLog, key: str, hint: int | None) -> None:
    for run in (1, 2, 3):
        log.commit(record(run))
        log.mark_published(run)
    if hint:
        log.hint(hint)
    log.bucket.put(key, b"a note")
    newest = log.newest()
    assert newest and newest.run == 3
    assert [each.run for each in log.since(0)] == [1, 2, 3]
    assert log.unpublished(3) == []


ANOTHER_RUN, GARBAGE, ANOTHER_LOG = encode(record(3)), b"a note", encode(record(999, log="of another stack"))


@pytest.mark.parametrize("body", [ANOTHER_RUN, GARBAGE, ANOTHER_LOG])
@pytest.mark.parametrize("hint", [None, 1, 3, 99, 999])
def test_a_bogus_record_behind_a_gap_is_none_of_the_log_s(log: RunLog, body: bytes, hint: int | None) -> None:
    for run in (1, 2, 3):
        log.commit(record(run))
    if hint:
        log.hint(hint)
    log.bucket.put(keys.run_key(999), body)
    if hint == 999 and body != ANOTHER_LOG:
        # Nobody but extract writes the hint, and it writes it when the record is there.
        with pytest.raises(BadDocument, match="aws s3 rm"):
            log.newest()
        return
    assert log.newest_number() == (999 if hint == 999 else 3)
    assert log.commit(record(4))


@pytest.mark.parametrize("body", [encode(record(3)), b"a note", b"\xff", b"[" * 100_000])
def test_one_in_the_place_of_a_record_is_refused_with_the_way_out(log: RunLog, body: bytes) -> None:
    """It may be ours, damaged: its number is the next, or the newest."""
    for run in (1, 2, 3):
        log.commit(record(run))
    log.hint(3)
    log.bucket.put(keys.run_key(4), body)
    with pytest.raises(
        BadDocument, match=r"^runs/00000004.json cannot be read: .*aws s3 rm s3://\S+/runs/00000004.json"
    ):
        log.newest()


def test_a_log_that_begins_behind_another_one_is_the_living_one(log: RunLog) -> None:
    for run in (1, 2, 3):
        log.commit(record(run))
    for run in (7, 8):
        log.commit(record(run, log="new", began=7))
    for hint in (None, 3, 7, 8, 99):
        if hint:
            log.hint(hint)
        newest = log.newest()
        assert newest and (newest.run, newest.log) == (8, "new")
    assert [each.run for each in log.since(0)] == [7, 8]
    assert log.unpublished(8, began=7) == [7, 8]


def test_a_log_with_a_lost_record_ends_where_it_ended(log: RunLog) -> None:
    """The loader says what is missing; a number is not used twice."""
    for run in (1, 2, 4):
        log.commit(record(run))
    assert log.newest_number() == 4


def test_thousands_of_strangers_do_not_hide_a_record_nor_cost_a_listing_each_time(
    log: RunLog, ingestion: S3Bucket
) -> None:
    log.commit(record(1))
    log.hint(1)
    # More than one listing answers with.
    for number in range(1100):
        log.bucket.put(f"runs/0000old/{number:05d}", b"")
    asked = Counted(ingestion)
    assert RunLog(asked).newest_number() == 1
    assert asked.listings == 2


@given(st.text(st.sampled_from("0123456789/.:-a~"), max_size=12), st.integers(1, keys.LAST_RUN))
@settings(derandomize=True, deadline=None)
def test_a_listing_that_begins_anew_behind_a_stranger_skips_nothing(rest: str, run: int) -> None:
    """Every key of ours that sorts behind the stranger is behind the new beginning, too."""
    stranger = f"runs/{rest}"
    for key in (keys.run_key(run), keys.manifest_key(run, "staff").replace(keys.MANIFESTS, keys.RUNS)):
        assert key <= stranger or key > _behind(keys.RUNS, stranger)
    assert _behind(keys.RUNS, stranger) >= stranger


class Counted:
    """A bucket that counts its listings."""

    def __init__(self, bucket: S3Bucket) -> None:
        self._bucket, self.listings = bucket, 0
        self.name, self.get, self.put, self.create = bucket.name, bucket.get, bucket.put, bucket.create
        self.written_at = bucket.written_at

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        self.listings += 1
        return self._bucket.list(prefix, after)


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
