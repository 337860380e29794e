"""Remove the parts of runs that are loaded and older than RETENTION_DAYS.

Run log and manifests are kept for ever. Parts that are kept, however old: each reference table's whole content that a
kept or future run is joined with, and the last parts that each warehouse table loaded, which a reconcile compares with.
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

# The most objects that S3 deletes in a call.
PER_CALL = 1000
# A call takes a second or two; the next day continues.
STOP_UNDER_S = 20


class DeletableBucket(Bucket, Protocol):
    def delete(self, keys: list[str]) -> None:
        """Delete at most a thousand objects."""


class LoadedRuns(msgspec.Struct, frozen=True):
    """The warehouse's answer: the log that it loads, the run up to which everything is loaded, and the last loaded run
    of each warehouse table.
    """

    log: str
    complete_run: int
    last_runs: dict[str, int]


@dataclass(frozen=True)
class ExpireDependencies:
    """What expire needs; `now` is UTC without a zone."""

    ingestion: DeletableBucket
    processed: DeletableBucket
    loaded: Callable[[], LoadedRuns]
    days: int
    now: datetime
    time_left_s: Callable[[], float]


def expire(dependencies: ExpireDependencies) -> dict[str, Any]:
    """Remove old parts. Return the run up to which parts are removed, 0 if none is old enough, and how many objects
    were deleted now.
    """
    run_log = RunLog(dependencies.ingestion)
    newest, loaded = run_log.newest(), dependencies.loaded()
    if newest is None or loaded.log != newest.log:
        # Nothing is loaded from a log that the warehouse does not know yet; for a former log it is unknown.
        return {"run": 0, "batches": 0, "parts": 0}
    day = (dependencies.now - timedelta(days=dependencies.days)).date()
    run = last_before(day, run_log, newest.began, min(loaded.complete_run, newest.run - 1))
    if run < newest.began:
        return {"run": 0, "batches": 0, "parts": 0}
    folders = {
        "batches": (dependencies.ingestion, keys.BATCHES, joined_after(run_log.get(run + 1))),
        "parts": (dependencies.processed, keys.TABLES, loaded.last_runs),
    }
    removed = {
        name: _remove(
            bucket, folder, Expired(run, dependencies.days, dict(kept)), newest, day, dependencies.time_left_s
        )
        for name, (bucket, folder, kept) in folders.items()
    }
    return {"run": run} | removed


def last_before(day: date, run_log: RunLog, first: int, last: int) -> int:
    """Return the last of these runs whose snapshot was taken before `day`; `first` - 1 if there is none.

    If the source's clock was once set back, return some run whose snapshot is earlier: no newer part is removed.
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
    """Return, by source table, the run whose whole content this run and later ones are joined with.

    A later run is joined with the same content or with newer one. A table that this code does not know may be joined
    too.
    """
    return {
        table: state.full_run
        for table, state in record.tables.items()
        if state.full_run is not None and (table not in TABLES or TABLES[table].reference)
    }


def _remove(
    bucket: DeletableBucket,
    folder: str,
    expired: Expired,
    newest: RunRecord,
    day: date,
    time_left_s: Callable[[], float],
) -> int:
    """Remove the old parts of a bucket, and return how many objects were deleted.

    The removal is recorded first, so that no reader mistakes a removed part for a lost one.
    """
    before = last_expired(bucket)
    if before and expired.run < before.run <= newest.run:
        # RETENTION_DAYS was shorter, and more was removed then.
        return 0
    bucket.put(keys.EXPIRED, msgspec.json.encode(expired))
    found, removed = _too_old(bucket, folder, expired, newest.began, day), 0
    while time_left_s() > STOP_UNDER_S and (page := list(islice(found, PER_CALL))):
        bucket.delete(page)
        removed += len(page)
    log.info("parts were removed", bucket=bucket.name, run=expired.run, days=expired.days, objects=removed)
    return removed


def _too_old(bucket: Bucket, folder: str, expired: Expired, began: int, day: date) -> Iterator[str]:
    """Yield the keys to remove, table by table, in the order of days. Parts of a former log stay: it is unknown what
    was loaded.
    """
    after: str | None = ""
    while after is not None:
        behind, after = after, None
        for key in bucket.list(folder, after=behind):
            part = keys.part_of(key)
            if part is None:
                continue
            if part.day >= day:
                # The table's remaining parts are newer. "~" sorts after each of its keys.
                after = f"{folder}{part.table}/~"
                break
            if began <= part.run <= expired.run and not _is_kept(part, expired.kept):
                yield key


def _is_kept(part: keys.PartKey, kept: Mapping[str, int]) -> bool:
    return kept.get(part.table) == part.run
