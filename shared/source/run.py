"""The reading of one run, as of one snapshot: parts are written, the record is composed and not yet committed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from shared import log
from shared.catalogue import TABLES, SourceTable
from shared.lake.change_topic import ChangeTopic
from shared.lake.documents import (
    FIRST_READ,
    NEW_DECLARATION,
    Batch,
    Cursor,
    Hold,
    Part,
    RunRecord,
    TableState,
)
from shared.lake.run_log import RunLog
from shared.postgres.connection import Connection
from shared.source import sql
from shared.source.changes import (
    KeyStats,
    difference,
    keys_are_gone,
    keys_of,
    next_cursor,
    purposes,
    reason_for_full,
    undeclared,
)
from shared.source.database import Moment, Sleep, Source, TableError
from shared.source.live import Live
from shared.source.parts import PartLocation, Parts
from shared.source.request import ExtractRequest
from shared.warehouse.registry import Target, expected_targets

# What is kept back of the time left for writing the record and sending the messages.
RESERVE_S = 15
# What one table leaves of the time for each that is read after it: a table in an ordinary minute takes well under one.
KEPT_FOR_EACH_S = 5


@dataclass(frozen=True)
class ExtractDependencies:
    """What an extraction uses of the world."""

    run_log: RunLog
    topic: ChangeTopic
    open_source: Callable[[], Connection]
    targets: Mapping[str, Target]
    stack: str
    code: str
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    sleep: Sleep
    time_left_s: Callable[[], float]


@dataclass(frozen=True)
class Reading:
    """The source as of one snapshot, until it is ended. `unlocked` are the tables that cannot be read, and why.

    `postponed` are those that could not be read this time and need nobody to look, and why; it is filled while they
    are read. `looked_before` says, by table, when a look of before found nothing new in it: the source's clock.
    """

    source: Source
    moment: Moment
    live: Mapping[str, Live]
    unlocked: Mapping[str, TableError]
    looked_before: Mapping[str, datetime] = field(default_factory=dict)
    postponed: dict[str, str] = field(default_factory=dict)


def begin_reading(source: Source, time_left_s: float, looked_before: Mapping[str, datetime] | None = None) -> Reading:
    tables = tuple(TABLES.values())
    # Locked before the snapshot is taken: to an older one a rewritten table looks empty.
    unlocked = source.begin(max(int(time_left_s) - RESERVE_S, 1), tables)
    moment, live = source.moment(), source.live(tables)
    return Reading(source, moment, live, unlocked | source.closed(tables, live), looked_before or {})


class ExtractRun:
    """What one run reads: every table as of the reading's snapshot."""

    def __init__(
        self,
        request: ExtractRequest,
        outside: ExtractDependencies,
        reading: Reading,
        newest: RunRecord | None,
        used: int = 0,
    ) -> None:
        """`newest` is None where a log begins; its first run has the number after `used`."""
        self._request, self._outside, self._newest = request, outside, newest
        self._source, self.moment = reading.source, reading.moment
        self._live, self._unlocked, self._postponed = reading.live, reading.unlocked, reading.postponed
        self._looked_before = reading.looked_before
        self._number = newest.run + 1 if newest else used + 1
        self._attempt = outside.new_id()[:12]
        self.looked_at: dict[str, datetime] = {}

    def read(self) -> RunRecord | None:
        """The record of what changed; None when there is nothing to say. `looked_at` then has the tables of which all
        changes up to this snapshot were read."""
        states = {table.name: self._state(table) for table in TABLES.values()}
        self.looked_at = looked_at(states, self.moment.snapshot.taken_at)
        expected = self._expected(states) if self._request.count else None
        return self._record(states, expected) if self._has_news(states) else None

    def _before(self) -> dict[str, TableState]:
        return self._newest.tables if self._newest else {}

    def _state(self, table: SourceTable) -> TableState:
        before = self._before().get(table.name, TableState())
        self._postponed.pop(table.name, None)
        try:
            return self._source.guarded(lambda: self._read(table, before), self._time_s(table))
        except TableError as problem:
            say = log.error if problem.bug else log.warning
            say("table was not read", run=self._number, table=table.name, reason=problem.reason, **problem.bug)
            return self._unread(table, before, problem)

    def _time_s(self, table: SourceTable) -> float:
        """Leave time for the tables that are read after this one: one that is cancelled must not cost them theirs."""
        later = len(TABLES) - 1 - list(TABLES).index(table.name)
        return self._outside.time_left_s() - RESERVE_S - KEPT_FOR_EACH_S * later

    def _unread(self, table: SourceTable, before: TableState, problem: TableError) -> TableState:
        """Its place in the log stays; a person must look (a hold), or the next run tries again."""
        hold = before.hold
        if not problem.hold:
            self._postponed[table.name] = problem.reason
        else:
            since = hold.since_run if hold else self._number
            hold = Hold(since_run=since, reason=problem.reason)
        return TableState(cursor=before.cursor, full_run=before.full_run, hold=hold)

    def _read(self, table: SourceTable, before: TableState) -> TableState:
        live = self._readable(table)
        snapshot, server = self.moment.snapshot, self.moment.server
        cursor, read_for = before.cursor, purposes(table, self._outside.targets)
        reason = reason_for_full(cursor, snapshot, server, live, read_for) or self._request.full.get(table.name)
        left = table.name in self._request.left
        if left and (reason or table.reference):
            return msgspec.structs.replace(before, batch=None)
        found = self._source.keys(table, cursor.max_key if cursor else None)
        if cursor and not reason:
            reason = self._reason_in_the_rows(table, cursor, found)
        since = None if reason else cursor
        batch, xids = None, set[int]()
        if reason or not table.reference:
            self._source.limit(self._time_s(table))
            batch, xids = self.read_batch(table, since, reason)
        known = keys_of(since) if since and left else found
        after = next_cursor(since, snapshot, server, live, known, xids, read_for)
        if since and left:
            # What was deleted since then is still to be found.
            after = msgspec.structs.replace(after, looked_at=since.looked_at)
        return TableState(
            cursor=after,
            full_run=self._number if reason else before.full_run,
            batch=self._bounded(batch, table, cursor, read_for) if batch and (reason or batch.rows) else None,
        )

    def _bounded(self, batch: Batch, table: SourceTable, cursor: Cursor | None, read_for: Mapping[str, str]) -> Batch:
        """With what is known of when its changes were committed."""
        if cursor is None:
            return msgspec.structs.replace(batch, left_out=FIRST_READ)
        if table.name in self._request.full or self.asked_for(table):
            return msgspec.structs.replace(batch, left_out=self._request.cause)
        if not read_for.items() <= (cursor.read_for or {}).items():
            return msgspec.structs.replace(batch, left_out=NEW_DECLARATION)
        looks = (cursor.looked_at, self._looked_before.get(table.name))
        return msgspec.structs.replace(batch, changed_after=max(filter(None, looks), default=None))

    def _reason_in_the_rows(self, table: SourceTable, cursor: Cursor, found: KeyStats) -> str | None:
        """Why a table of which a delta could be told is read whole."""
        if table.name not in self._request.left and keys_are_gone(cursor, found):
            return "keys are gone, or came late"
        if table.reference and self._source.any_changed(table, self.moment.snapshot, cursor):
            return "a row changed"
        return None

    def _readable(self, table: SourceTable) -> Live:
        live = self._live.get(table.name)
        problem = difference(table, live)
        if live is None or problem:
            raise TableError(f"{problem}: mend the source, or shared/catalogue.py", hold=True)
        if table.name in self._unlocked:
            raise self._unlocked[table.name]
        self._tell_undeclared(table, live)
        return live

    def _tell_undeclared(self, table: SourceTable, live: Live) -> None:
        """Once: in the first run that reads the table as it looks now."""
        before = self._before().get(table.name, TableState()).cursor
        names = undeclared(table, live)
        if names and (before is None or before.columns != live.fingerprint):
            log.warning("columns are not in the catalogue", run=self._number, table=table.name, columns=names)

    def read_batch(self, table: SourceTable, since: Cursor | None, reason: str | None) -> tuple[Batch, set[int]]:
        """What of the table this run brings, and the transaction ids that the next cursor must know."""
        place = PartLocation(self._number, self._attempt, self.moment.snapshot)
        parts = Parts(self._outside.run_log.bucket, table, place)
        self._source.copy(table, self.moment.snapshot, since, self.asked_for(table), parts.add)
        batch = self.batch(table, reason, sum(part.rows for part in parts.written), parts.written)
        return msgspec.structs.replace(batch, newest_change_at=parts.newest_change_at), parts.xids

    def asked_for(self, table: SourceTable) -> tuple[int, ...]:
        """The keys to read though they did not change."""
        return self._request.keys.get(table.name, ())

    def batch(self, table: SourceTable, reason: str | None, rows: int, parts: Sequence[Part]) -> Batch:
        return Batch(
            mode="full" if reason else "delta",
            reason=reason or ("rows changed, or were asked for" if self.asked_for(table) else "rows changed"),
            rows=rows,
            parts=tuple(parts),
            catalogue=table.fingerprint,
        )

    def _expected(self, states: Mapping[str, TableState]) -> dict[str, int]:
        """The rows that each warehouse table should show at this snapshot; of those whose sources could be read."""
        readable = {name for name, state in states.items() if not state.hold} - self._postponed.keys()
        found: dict[str, int] = {}
        for target in self._outside.targets.values():
            if readable.issuperset(target.sources):
                found |= self._counted(target)
        return found

    def _counted(self, target: Target) -> dict[str, int]:
        """By its name; nothing when its sources cannot be counted."""
        time_s = self._outside.time_left_s() - RESERVE_S
        try:
            return {target.name: self._source.guarded(lambda: self._source.count(_count(target)), time_s)}
        except TableError as problem:
            log.warning("table was not counted", run=self._number, table=target.name, reason=problem.reason)
            return {}

    def _has_news(self, states: Mapping[str, TableState]) -> bool:
        return (
            self._request.forced
            or any(state.batch for state in states.values())
            or held(states) != held(self._before())
            or self._warehouse_changed()
        )

    def _warehouse_changed(self) -> bool:
        """A table that was taken away and comes back must find in the log that it was not there."""
        return self._newest is not None and set(self._newest.warehouse) != set(self._outside.targets)

    def _record(self, states: dict[str, TableState], expected: dict[str, int] | None) -> RunRecord:
        changed = {name for name, state in states.items() if state.batch}
        ever_read = {name for name, state in states.items() if state.full_run}
        return RunRecord(
            version=1,
            log=self._newest.log if self._newest else self._outside.new_id(),
            run=self._number,
            attempt=self._attempt,
            cause=self._request.cause,
            code=self._outside.code,
            snapshot=self.moment.snapshot,
            tables=states,
            targets=expected_targets(changed, ever_read, self._outside.targets),
            warehouse=tuple(self._outside.targets),
            expected=expected,
            began=self._newest.began if self._newest else self._number,
        )


def rows_of(record: RunRecord) -> int:
    return sum(state.batch.rows for state in record.tables.values() if state.batch)


def looked_at(states: Mapping[str, TableState], now: datetime) -> dict[str, datetime]:
    """`now`, the time of the snapshot, by the tables that it has all been read of."""
    return {name: now for name, state in states.items() if state.cursor and state.cursor.looked_at == now}


def held(states: Mapping[str, TableState]) -> dict[str, str]:
    """Why, by source table."""
    return {name: state.hold.reason for name, state in states.items() if state.hold}


def _count(target: Target) -> str:
    sources = [TABLES[name] for name in target.sources]
    if target.kind == "set":
        return sql.count_dates(sources)
    return sql.count_values(sources[0], target.key) if target.grouped else sql.count_rows(sources[0])
