"""What is loaded and old goes, a thousand objects a call, and nothing that anybody may still need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import pytest

from shared.aws.bucket import S3Bucket
from shared.errors import MissingObject, Removed, ServiceUnavailable
from shared.lake import keys
from shared.lake.documents import RunRecord, Snapshot, TableState
from shared.lake.parts import Expired, get_verified, last_expired
from shared.lake.run_log import RunLog
from shared.retention.expire import ExpireDependencies, LoadedRuns, expire

pytestmark = pytest.mark.fast

NOON = datetime(2026, 6, 30, 12)
SHA = "a" * 64


class MemoryBucket:
    """A bucket of which the deletions are counted, call by call."""

    def __init__(self, name: str) -> None:
        self.name, self.objects, self.deleted = name, dict[str, bytes](), list[int]()

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise MissingObject(self.name, key)
        return self.objects[key]

    def written_at(self, key: str) -> datetime:
        return NOON

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def create(self, key: str, body: bytes) -> bool:
        return self.objects.setdefault(key, body) == body

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        yield from [key for key in sorted(self.objects) if key.startswith(prefix) and key > after]

    def delete(self, keys: Sequence[str]) -> None:
        self.deleted.append(len(keys))
        for key in keys:
            del self.objects[key]


@dataclass
class Lake:
    """A run a day, of which the last is of NOON, each with a part of a growing table, and, in `whole`, of a reference
    table; and a part of each for a fact, and for a dimension."""

    ingestion: MemoryBucket = field(default_factory=lambda: MemoryBucket("ingestion"))
    processed: MemoryBucket = field(default_factory=lambda: MemoryBucket("processed"))
    whole: Sequence[int] = (1, 4)
    runs: int = 10
    began: int = 1
    complete: int = 10
    last_runs: dict[str, int] = field(default_factory=lambda: {"fact_payment": 10, "dim_design": 4})
    time_left_s: float = 300

    def fill(self, log: str = "a") -> None:
        for run in range(self.began, self.runs + 1):
            taken_at = self.taken_at(run)
            full_run = max((each for each in self.whole if each <= run), default=None)
            state = TableState(full_run=full_run)
            record = RunRecord(
                version=1,
                log=log,
                run=run,
                attempt="x",
                cause="schedule",
                code="test",
                snapshot=Snapshot(taken_at=taken_at, xmin=1, xmax=1),
                # Of a growing table the first batch is the newest complete one, and nobody joins it.
                tables={"design": state, "payment": TableState(full_run=1), "of_another_version": state},
                targets=("fact_payment",),
                warehouse=("fact_payment", "dim_design"),
                began=self.began,
            )
            RunLog(self.ingestion).commit(record)
            self.ingestion.put(keys.batch_part_key("payment", taken_at, run, "x", 0, SHA), b"")
            self.processed.put(keys.table_part_key("fact_payment", taken_at, run, 0, SHA), b"")
            if run in self.whole:
                self.ingestion.put(keys.batch_part_key("design", taken_at, run, "x", 0, SHA), b"")
                self.ingestion.put(keys.batch_part_key("of_another_version", taken_at, run, "x", 0, SHA), b"")
                self.processed.put(keys.table_part_key("dim_design", taken_at, run, 0, SHA), b"")

    def taken_at(self, run: int) -> datetime:
        return NOON - timedelta(days=self.runs - run)

    def expire(self, days: int, log: str = "a") -> dict[str, int]:
        return expire(
            ExpireDependencies(
                ingestion=self.ingestion,
                processed=self.processed,
                loaded=lambda: LoadedRuns(log, self.complete, self.last_runs),
                days=days,
                now=NOON,
                time_left_s=lambda: self.time_left_s,
            )
        )

    def left(self) -> dict[str, list[int]]:
        """The runs whose parts are there, by table."""
        found: dict[str, list[int]] = {}
        for bucket in (self.ingestion, self.processed):
            for part in filter(None, map(keys.part_of, bucket.list(""))):
                found.setdefault(part.table, []).append(part.run)
        return found


@pytest.fixture
def lake() -> Lake:
    return Lake()


def test_what_is_older_goes_but_not_what_later_runs_are_joined_with(lake: Lake) -> None:
    """Runs 1 to 6 are older than three days. Run 7 is joined with the whole of run 4, also of a table that only another
    version knows; and that is the dimension's last load."""
    lake.fill()
    records = list(lake.ingestion.list("runs/"))
    assert lake.expire(3) == {"run": 6, "batches": 6 + 1 + 1, "parts": 6 + 1}
    assert lake.left() == {
        "payment": [7, 8, 9, 10],
        "design": [4],
        "of_another_version": [4],
        "fact_payment": [7, 8, 9, 10],
        "dim_design": [4],
    }
    assert list(lake.ingestion.list("runs/")) == records
    # Twice is once, and a day later it goes on.
    assert lake.expire(3) == {"run": 6, "batches": 0, "parts": 0}
    assert lake.expire(2) == {"run": 7, "batches": 1, "parts": 1}


def test_what_is_not_wholly_loaded_stays_and_so_does_the_newest_run(lake: Lake) -> None:
    lake.fill()
    lake.complete = 5
    assert lake.expire(1)["run"] == 5
    assert lake.left()["payment"] == [6, 7, 8, 9, 10]
    lake.complete = 10
    expire(
        ExpireDependencies(
            lake.ingestion, lake.processed, lambda: LoadedRuns("a", 10, {}), 1, NOON + timedelta(days=99), lambda: 300
        )
    )
    assert lake.left() == {"payment": [10], "design": [4], "of_another_version": [4], "fact_payment": [10]}


def test_where_nothing_is_so_old_nothing_is_touched(lake: Lake) -> None:
    lake.fill()
    assert lake.expire(9) == {"run": 0, "batches": 0, "parts": 0}
    assert last_expired(lake.ingestion) is None


def test_another_log_is_left_alone(lake: Lake) -> None:
    """One that the warehouse does not know yet; and what a former one has left."""
    lake.fill()
    assert lake.expire(3, log="b") == {"run": 0, "batches": 0, "parts": 0}
    lake.ingestion.delete([keys.run_key(run) for run in range(5, 11)])
    lake.began, lake.whole = 5, (5,)
    lake.fill(log="b")
    assert lake.expire(3, log="b")["run"] == 6
    assert lake.left()["payment"] == [1, 2, 3, 4, 7, 8, 9, 10]


def test_what_is_not_ours_stays(lake: Lake) -> None:
    lake.fill()
    day = "2026/06/21/00000001"
    theirs = [
        *("batches/notes.txt", f"batches/payment/{day}/part-00000-{SHA[:16]}.csv", "batches/payment/", "batches/zz/1"),
        f"batches/payment/2026/13/41/00000001/part-00000-{SHA[:16]}.parquet",
        f"batches/payment/{day}-x/more/part-00000-{SHA[:16]}.parquet",
    ]
    for key in theirs:
        lake.ingestion.put(key, b"")
    assert lake.expire(3)["batches"] == 8
    assert set(theirs) <= set(lake.ingestion.list("batches/"))


def test_what_a_killed_attempt_has_left_goes_with_its_run(lake: Lake) -> None:
    lake.fill()
    lake.ingestion.put(keys.batch_part_key("payment", lake.taken_at(2), 2, "killed", 0, SHA), b"")
    assert lake.expire(3)["batches"] == 9


def test_a_thousand_go_with_a_call_and_what_there_is_no_time_for_goes_later(lake: Lake) -> None:
    lake.fill()
    for part in range(1, 1101):
        lake.ingestion.put(keys.batch_part_key("payment", lake.taken_at(1), 1, "x", part, SHA), b"")
    left = iter([300.0, 10.0, 300.0, 300.0])
    outside = ExpireDependencies(
        lake.ingestion, lake.processed, lambda: LoadedRuns("a", 10, lake.last_runs), 3, NOON, lambda: next(left)
    )
    assert expire(outside)["batches"] == 1000
    assert lake.ingestion.deleted == [1000]
    assert lake.expire(3)["batches"] == 108


def test_what_was_removed_is_told_from_what_is_lost(lake: Lake) -> None:
    lake.fill()
    lake.expire(3)

    def reading(bucket: MemoryBucket, key: str) -> MissingObject:
        with pytest.raises(MissingObject) as raised:
            get_verified(bucket, key, SHA)
        return raised.value

    old = keys.batch_part_key("payment", lake.taken_at(2), 2, "x", 0, SHA)
    removed = reading(lake.ingestion, old)
    assert isinstance(removed, Removed) and (removed.days, removed.run) == (3, 6)
    assert str(removed) == f"s3://{lake.ingestion.name}/{old} was removed after 3 days (RETENTION_DAYS)"
    assert isinstance(
        reading(lake.processed, keys.table_part_key("fact_payment", lake.taken_at(6), 6, 0, SHA)), Removed
    )
    # A run that is younger, one that is kept, and what is no part.
    young = keys.batch_part_key("payment", lake.taken_at(7), 7, "y", 0, SHA)
    kept = keys.batch_part_key("design", lake.taken_at(4), 4, "y", 0, SHA)
    for key in (young, kept, keys.quarantine_key("fact_payment", 2, SHA)):
        assert type(reading(lake.ingestion, key)) is MissingObject


def test_what_went_when_the_days_were_fewer_stays_told(lake: Lake) -> None:
    lake.fill()
    lake.expire(2)
    assert lake.expire(5) == {"run": 4, "batches": 0, "parts": 0}
    assert last_expired(lake.ingestion) == Expired(7, 2, {"design": 4, "of_another_version": 4})
    # A number that no run has yet was written by somebody else.
    lake.ingestion.put(keys.EXPIRED, msgspec.json.encode(Expired(99, 2, {})))
    lake.expire(2)
    assert last_expired(lake.ingestion) == Expired(7, 2, {"design": 4, "of_another_version": 4})


def test_a_source_whose_clock_was_set_back_loses_nothing_young(lake: Lake) -> None:
    """Runs 1 and 2 are older than a week; run 5 was read at a time before all others: the search goes past 3 and 4."""
    lake.fill()
    record = RunLog(lake.ingestion).get(5)
    back = msgspec.structs.replace(record.snapshot, taken_at=NOON - timedelta(days=300))
    lake.ingestion.put(keys.run_key(5), msgspec.json.encode(msgspec.structs.replace(record, snapshot=back)))
    assert lake.expire(7)["run"] == 5
    assert lake.left()["payment"] == [3, 4, 5, 6, 7, 8, 9, 10]


def test_objects_go_and_one_that_is_gone_is_fine(ingestion: S3Bucket) -> None:
    for number in range(3):
        ingestion.put(f"batches/{number} <&>", b"")
    ingestion.delete([f"batches/{number} <&>" for number in (0, 2, 7)])
    assert list(ingestion.list("")) == ["batches/1 <&>"]


class Keeping:
    """S3 says that all went well, and of one object that it did not."""

    def delete_objects(self, **_: object) -> dict[str, object]:
        return {"Errors": [{"Key": "batches/a", "Code": "InternalError"}]}


def test_an_object_that_s3_keeps_is_no_success() -> None:
    with pytest.raises(ServiceUnavailable, match="batches/a failed for now .InternalError."):
        S3Bucket("b", Keeping(), sleep=lambda _: None).delete(["batches/a"])
