"""Removes the parts of runs that are loaded and older than RETENTION_DAYS.

Run log and manifests stay for good. So do, however old: each reference table's whole content that a run which stays, or
is still to come, is joined with; and what each warehouse table has loaded last, which a reconcile compares with.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

import msgspec

from shared import log
from shared.aws.bucket import Bucket
from shared.catalogue import TABLES
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.parts import Expired, last_expired
from shared.lake.run_log import RunLog

# As many as S3 deletes in a call.
PER_CALL = 1000
# A call takes a second or two; what is left over is for the next day.
STOP_UNDER_S = 20


class Erasable(Bucket, Protocol):
    def delete(self, keys: list[str]) -> None:
        """Delete at most a thousand objects."""


class LoadedRuns(msgspec.Struct, frozen=True):
    """What the warehouse says: the log that feeds it, up to which run all of it is loaded, and per warehouse table the
    run that was loaded last."""

    log: str
    complete_run: int
    last_runs: dict[str, int]


@dataclass(frozen=True)
class ExpireDependencies:
    """What it uses of the world; `now` is UTC without a zone."""

    ingestion: Erasable
    processed: Erasable
    loaded: Callable[[], LoadedRuns]
    days: int
    now: datetime
    time_left_s: Callable[[], float]


def expire(outside: ExpireDependencies) -> dict[str, Any]:
    """Up to which run parts are removed, and how many objects went now; 0 where there is none so old."""
    run_log = RunLog(outside.ingestion)
    newest, loaded = run_log.newest(), outside.loaded()
    if newest is None or loaded.log != newest.log:
        # Of a log that the warehouse does not know yet nothing is loaded, and of the former one nobody can say.
        return {"run": 0, "batches": 0, "parts": 0}
    day = (outside.now - timedelta(days=outside.days)).date()
    run = last_before(day, run_log, newest.began, min(loaded.complete_run, newest.run - 1))
    if run < newest.began:
        return {"run": 0, "batches": 0, "parts": 0}
    folders = {
        "batches": (outside.ingestion, keys.BATCHES, joined_after(run_log.get(run + 1))),
        "parts": (outside.processed, keys.TABLES, loaded.last_runs),
    }
    removed = {
        name: _remove(bucket, folder, Expired(run, outside.days, dict(kept)), newest, day, outside.time_left_s)
        for name, (bucket, folder, kept) in folders.items()
    }
    return {"run": run} | removed


def last_before(day: date, run_log: RunLog, first: int, last: int) -> int:
    """Return the last of these runs whose snapshot was taken before `day`, `first` - 1 where none was.

    Where the source's clock was once set back, some run at which it was earlier: nothing goes that is not older.
    """
    low, high = first - 1, last
    while low < high:
        middle = (low + high + 1) // 2
        if run_log.get(middle).snapshot.taken_at.date() < day:
            low = middle
        else:
            high = middle - 1
    return low


def joined_after(record: RunRecord) -> dict[str, int]:
    """Return, by source table, the run whose whole content this run, and those after it, are joined with.

    A later run is joined with the same, or with one after it. Of a table that this code does not know it may be so.
    """
    return {
        table: state.full_run
        for table, state in record.tables.items()
        if state.full_run is not None and (table not in TABLES or TABLES[table].reference)
    }


def _remove(
    bucket: Erasable, folder: str, expired: Expired, newest: RunRecord, day: date, time_left_s: Callable[[], float]
) -> int:
    """The number of objects that went. What goes is said first, so that nobody takes it for lost."""
    before = last_expired(bucket)
    if before and expired.run < before.run <= newest.run:
        # RETENTION_DAYS was shorter: what went then is not there any more.
        return 0
    bucket.put(keys.EXPIRED, msgspec.json.encode(expired))
    found, removed = _too_old(bucket, folder, expired, newest.began, day), 0
    while time_left_s() > STOP_UNDER_S and (page := list(islice(found, PER_CALL))):
        bucket.delete(page)
        removed += len(page)
    log.info("parts were removed", bucket=bucket.name, run=expired.run, days=expired.days, objects=removed)
    return removed


def _too_old(bucket: Bucket, folder: str, expired: Expired, began: int, day: date) -> Iterator[str]:
    """The keys, table by table, each in the order of days. Those of a former log stay: nobody knows what is loaded."""
    after: str | None = ""
    while after is not None:
        behind, after = after, None
        for key in bucket.list(folder, after=behind):
            part = keys.part_of(key)
            if part is None:
                continue
            if part.day >= day:
                # What follows of this table is younger. "~" sorts behind every key of it.
                after = f"{folder}{part.table}/~"
                break
            if began <= part.run <= expired.run and not _is_kept(part, expired.kept):
                yield key


def _is_kept(part: keys.PartKey, kept: Mapping[str, int]) -> bool:
    return kept.get(part.table) == part.run
