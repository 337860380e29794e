"""The product's runs over a source, each judged as soon as it is committed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.lake.documents import Batch, PostgresCursor
from shared.postgres.connection import Connection
from shared.source.extract import extract
from shared.source.readers.postgres.reader import PostgresReader
from shared.source.request import ExtractRequest
from tests.detection.watching import Eyes, Judge, Watched
from tests.detection.writers import KINDS, STAMPED, Crowd, prepare
from tests.road.road import Heard
from tests.shared.source.test_extract import Stack


@dataclass
class Readings:
    stack: Stack
    eyes: Eyes = field(default_factory=lambda: Eyes(STAMPED))
    judges: dict[str, Judge] = field(default_factory=lambda: {table: Judge() for table in STAMPED})
    runs: int = 0

    def read(self) -> bool:
        """Whether there was anything new."""
        outcome = extract(ExtractRequest(), replace(self.stack.outside(), readers=(PostgresReader(self._open),)))
        if outcome.run is None:
            return False
        self.runs += 1
        record = self.stack.record(outcome.run)
        for table, judge in self.judges.items():
            state, look = record.tables[table], self.eyes.looks[table]
            assert state.hold is None and isinstance(state.cursor, PostgresCursor)
            assert state.cursor.xmin == record.snapshot.xmin
            mode = state.batch.mode if state.batch else "delta"
            judge.judge(mode, list(self._brought(table, state.batch)), look)
        self.eyes.before = self.eyes.snapshot
        return True

    def _open(self) -> Connection:
        return Watched(self.stack.totesys.connect(), self.eyes.look)

    def _brought(self, table: str, batch: Batch | None) -> Iterator[tuple[int, str]]:
        """Key and stamp of each row."""
        for part in batch.parts if batch else ():
            frame = self.stack.frame(table, part.key, part.sha256)
            yield from zip(frame[TABLES[table].key].tolist(), map(str, frame[STAMPED[table]].tolist()), strict=True)

    def __str__(self) -> str:
        lines = [
            f"  {table}: {len(judge.versions)} versions, {judge.in_deltas} of them in {judge.delta} deltas, the rest in"
            f" {judge.full} full batches; lost 0, twice 0; last_updated > lost {judge.clock_lost},"
            f" pg_visible_in_snapshot lost {judge.snapshot_lost}"
            for table, judge in self.judges.items()
        ]
        return f"{self.runs} runs\n" + "\n".join(lines)


def stress(source: Database, ingestion: S3Bucket, seconds: float) -> str:
    """Read while a crowd writes; what was seen, in numbers. A busy machine is given ten times as long to be sharp."""
    prepare(source.owner())
    readings, crowd = Readings(Stack(source, ingestion, Heard())), Crowd(source, seed=int(seconds))
    with crowd.at_work():
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds or (
            passed < 10 * seconds and not is_sharp(readings, crowd)
        ):
            readings.read()
    readings.read()
    assert not readings.read(), "when nobody writes there is nothing new"
    told = f"{sum(crowd.counts.values())} transactions {dict(crowd.counts)}, {readings}"
    assert is_sharp(readings, crowd), f"this stress was toothless: {told}"
    return told


# Only what deltas bring can be lost. In 15 s an idle machine brought 321 to 423 of a table, and a busy one 236, which
# was less than half of its versions.
SHARP_VERSIONS = 200


def is_sharp(readings: Readings, crowd: Crowd) -> bool:
    """Thousands of transactions of all kinds; and both ways of asking that are known to lose rows have lost some."""
    committed = sum(count for kind, count in crowd.counts.items() if kind != "rolled back")
    growing = [readings.judges[table] for table in ("sales_order", "purchase_order")]
    return (
        committed > 2000
        and len(crowd.counts) == KINDS
        and all(judge.in_deltas > SHARP_VERSIONS and judge.clock_lost for judge in growing)
        and sum(judge.snapshot_lost for judge in growing) > 0
    )
