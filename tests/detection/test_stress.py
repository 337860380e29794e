"""Whatever writers do, each version of a row that a run's snapshot could see is read once, and none is lost."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.postgres.connection import Connection
from shared.source.catalogue import TABLES
from shared.source.extract import extract
from shared.source.request import Request
from tests.detection.watching import Eyes, Judge, Watched
from tests.detection.writers import KINDS, STAMPED, Crowd, prepare
from tests.road.road import Heard
from tests.shared.source.test_extract import Stack


@dataclass
class Readings:
    """The product's runs over a source, each judged as soon as it is committed."""

    stack: Stack
    eyes: Eyes = field(default_factory=lambda: Eyes(STAMPED))
    judges: dict[str, Judge] = field(default_factory=lambda: {table: Judge() for table in STAMPED})
    runs: int = 0

    def read(self) -> bool:
        """Whether there was anything new."""
        outcome = extract(Request(), replace(self.stack.outside(), open_source=self._open))
        if outcome.run is None:
            return False
        self.runs += 1
        record = self.stack.record(outcome.run)
        for table, judge in self.judges.items():
            state = record.tables[table]
            assert state.hold is None and state.cursor and state.cursor.xmin == record.snapshot.xmin
            judge.judge(
                state.batch.mode if state.batch else "delta", self._brought(outcome.run, table), self.eyes.looks[table]
            )
        self.eyes.before = self.eyes.snapshot
        return True

    def _open(self) -> Connection:
        return Watched(self.stack.totesys.connect(), self.eyes.look)

    def _brought(self, run: int, table: str) -> list[tuple[int, str]]:
        batch = self.stack.record(run).tables[table].batch
        frames = [self.stack.frame(table, part.key, part.sha256) for part in batch.parts] if batch else []
        return [
            (key, str(stamp))
            for frame in frames
            for key, stamp in zip(frame[TABLES[table].key].tolist(), frame[STAMPED[table]].tolist(), strict=True)
        ]

    def __str__(self) -> str:
        lines = [
            f"  {table}: {len(judge.versions)} versions, {judge.in_deltas} of them in {judge.delta} deltas, the rest in"
            f" {judge.full} full batches; lost 0, twice 0; last_updated > lost {judge.clock_lost},"
            f" pg_visible_in_snapshot lost {judge.snapshot_lost}"
            for table, judge in self.judges.items()
        ]
        return f"{self.runs} runs\n" + "\n".join(lines)


@pytest.mark.parametrize(
    "seconds", [pytest.param(18, marks=pytest.mark.fast), pytest.param(300, marks=pytest.mark.soak)]
)
def test_every_version_is_read_once_and_the_usual_ways_lose_rows(
    trading: Database, ingestion: S3Bucket, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    prepare(trading.owner())
    readings, crowd = Readings(Stack(trading, ingestion, Heard())), Crowd(trading, seed=seconds)
    with crowd.at_work():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            readings.read()
    readings.read()
    assert not readings.read(), "when nobody writes there is nothing new"
    told = f"detection: {sum(crowd.counts.values())} transactions {dict(crowd.counts)}, {readings}"
    record_property("summary", told)
    assert_sharp(readings, crowd, told)


def assert_sharp(readings: Readings, crowd: Crowd, told: str) -> None:
    """It was a stress, and the ways of asking that are known to lose rows have lost some."""
    committed = sum(count for kind, count in crowd.counts.items() if kind != "rolled back")
    assert committed > 2000 and len(crowd.counts) == KINDS, told
    growing = [readings.judges[table] for table in ("sales_order", "purchase_order")]
    for judge in growing:
        assert judge.in_deltas > len(judge.versions) / 2, told
        assert judge.clock_lost, f"last_updated lost nothing, so this stress is toothless: {told}"
    assert sum(judge.snapshot_lost for judge in growing), f"pg_visible_in_snapshot lost nothing: {told}"
