"""The reading of one run: parts are written, the record is composed and not yet committed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared import log
from shared.catalogue import TABLES, SourceTable
from shared.frames import Frame
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
from shared.source.batch_writer import BatchLocation, BatchWriter
from shared.source.readers.base import Sleep, SourceReader, SourceSession, TableChanges, TableError, TableView
from shared.source.reading import RESERVE_S, Reading, failures_of
from shared.source.request import ExtractRequest
from shared.source.schema_versions import new_schema_version, schema_versions
from shared.warehouse.registry import Target, expected_targets

# What one table leaves of the time for each that is read after it: a table in an ordinary minute takes well under one.
RESERVE_PER_TABLE_S = 5


@dataclass(frozen=True)
class ExtractDependencies:
    """What an extraction uses of the outside world."""

    run_log: RunLog
    topic: ChangeTopic
    readers: Sequence[SourceReader]
    targets: Mapping[str, Target]
    stack: str
    code: str
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    sleep: Sleep
    time_left_s: Callable[[], float]


class ExtractRun:
    """What one run reads: every table of the catalogue, through the session of its reader."""

    def __init__(
        self,
        request: ExtractRequest,
        dependencies: ExtractDependencies,
        reading: Reading,
        newest: RunRecord | None,
        used: int = 0,
    ) -> None:
        """Begin the run after `newest`, which is None where a log begins; a log's first run has the number after
        `used`."""
        self._request, self._dependencies, self._reading, self._newest = request, dependencies, reading, newest
        self._number = newest.run + 1 if newest else used + 1
        self._attempt = dependencies.new_id()[:12]
        self.looked_at: dict[str, datetime] = {}

    def read(self) -> RunRecord | None:
        """Return the record of what changed; None when there is nothing to record.

        `looked_at` then has, by table, the time up to which all its changes were read.
        """
        states = {table.name: self._state(table) for table in TABLES.values()}
        self.looked_at = self._reading.looked_at(states)
        expected = self._expected(states) if self._request.count else None
        return self._record(states, expected) if self._has_news(states) else None

    def _before(self) -> dict[str, TableState]:
        return self._newest.tables if self._newest else {}

    def _state(self, table: SourceTable) -> TableState:
        before = self._before().get(table.name, TableState())
        self._reading.postponed.pop(table.name, None)
        try:
            session = self._reading.session(table)
            with failures_of(table.reader):
                return session.guarded(lambda: self._read(session, table, before), self._time_s(table))
        except TableError as problem:
            say = log.error if problem.bug else log.warning
            say("table was not read", run=self._number, table=table.name, reason=problem.reason, **problem.bug)
            return self._unread(table, before, problem)

    def _time_s(self, table: SourceTable) -> float:
        """Leave time for the tables that are read after this one: one that is cancelled must not cost them theirs."""
        later = len(TABLES) - 1 - list(TABLES).index(table.name)
        return self._dependencies.time_left_s() - RESERVE_S - RESERVE_PER_TABLE_S * later

    def _unread(self, table: SourceTable, before: TableState, problem: TableError) -> TableState:
        """Keep its place in the log; a person must look (a hold), or the next run tries again."""
        hold = before.hold
        if not problem.hold:
            self._reading.postponed[table.name] = problem.reason
        else:
            since = hold.since_run if hold else self._number
            hold = Hold(since_run=since, reason=problem.reason)
        return TableState(cursor=before.cursor, full_run=before.full_run, hold=hold)

    def _read(self, session: SourceSession, table: SourceTable, before: TableState) -> TableState:
        view = self._readable(session, table)
        # A reader does not understand the cursor of another one.
        cursor = before.cursor if before.cursor and before.cursor.reader == table.reader else None
        self._report_undeclared(table, view, cursor)
        read_for = schema_versions(table, self._dependencies.targets)
        reason = self._reason_for_full(session, table, cursor, read_for)
        if table.name in self._request.changed_only and (reason or table.reference):
            return msgspec.structs.replace(before, batch=None)
        since = None if reason else cursor
        changes = session.changes(table, since, changed_only=table.name in self._request.changed_only)
        reason = reason or changes.reason
        batch = None
        if reason or not table.reference:
            session.limit(self._time_s(table))
            batch = self.read_batch(table, changes, reason)
        return TableState(
            cursor=changes.next_cursor(read_for),
            full_run=self._number if reason else before.full_run,
            batch=self._bounded(batch, table, cursor, read_for) if batch and (reason or batch.rows) else None,
        )

    def _reason_for_full(
        self, session: SourceSession, table: SourceTable, cursor: Cursor | None, read_for: Mapping[str, str]
    ) -> str | None:
        if cursor is None:
            return "first read"
        return (
            session.reason_for_full(table, cursor)
            or new_schema_version(cursor.read_for, read_for)
            or self._request.full.get(table.name)
        )

    def _bounded(self, batch: Batch, table: SourceTable, cursor: Cursor | None, read_for: Mapping[str, str]) -> Batch:
        """Return the batch with what is known of when its changes were committed."""
        if cursor is None:
            return msgspec.structs.replace(batch, left_out=FIRST_READ)
        if table.name in self._request.full or self._keys(table):
            return msgspec.structs.replace(batch, left_out=self._request.cause)
        if not read_for.items() <= (cursor.read_for or {}).items():
            return msgspec.structs.replace(batch, left_out=NEW_DECLARATION)
        times = (cursor.looked_at, self._reading.looked_before.get(table.name))
        return msgspec.structs.replace(batch, changed_after=max(filter(None, times), default=None))

    def _readable(self, session: SourceSession, table: SourceTable) -> TableView:
        view = session.view(table)
        if view.difference:
            raise TableError(f"{view.difference}: correct the source, or shared/catalogue.py", hold=True)
        if view.error:
            raise view.error
        return view

    def _report_undeclared(self, table: SourceTable, view: TableView, cursor: Cursor | None) -> None:
        """Log the columns that the catalogue does not have, in the first run that reads the table with them."""
        names = view.undeclared(table)
        if names and (cursor is None or cursor.columns != view.fingerprint):
            log.warning("columns are not in the catalogue", run=self._number, table=table.name, columns=names)

    def read_batch(self, table: SourceTable, changes: TableChanges, reason: str | None) -> Batch:
        """Return what this run brings of the table, with its parts written."""
        location = BatchLocation(self._number, self._attempt, self._reading.snapshot.taken_at)
        writer = BatchWriter(self._dependencies.run_log.bucket, table, location)
        requested = set(self._keys(table))

        def add(frame: Frame) -> None:
            requested.difference_update(frame[table.key].tolist() if requested else ())
            writer.add(frame)

        changes.read(self._keys(table), add)
        if requested:
            self._reading.absent[table.name] = tuple(sorted(requested))
        batch = self.batch(table, reason, sum(part.rows for part in writer.written), writer.written)
        return msgspec.structs.replace(batch, newest_change_at=writer.newest_change_at)

    def _keys(self, table: SourceTable) -> tuple[int, ...]:
        """Return the keys to read although they did not change."""
        return self._request.keys.get(table.name, ())

    def count_changed(self, table: SourceTable, changes: TableChanges) -> int:
        return changes.count(self._keys(table))

    def batch(self, table: SourceTable, reason: str | None, rows: int, parts: Sequence[Part]) -> Batch:
        return Batch(
            mode="full" if reason else "delta",
            reason=reason or ("rows changed, or were requested" if self._keys(table) else "rows changed"),
            rows=rows,
            parts=tuple(parts),
            catalogue=table.fingerprint,
        )

    def _expected(self, states: Mapping[str, TableState]) -> dict[str, int]:
        """Return the rows that each warehouse table should show at this snapshot, where its sources can be counted."""
        readable = {name for name, state in states.items() if not state.hold} - self._reading.postponed.keys()
        found: dict[str, int] = {}
        for target in self._dependencies.targets.values():
            readers = {TABLES[source].reader for source in target.sources}
            if readable.issuperset(target.sources) and len(readers) == 1:
                found |= self._counted(target)
        return found

    def _counted(self, target: Target) -> dict[str, int]:
        """Return the rows by the table's name; nothing when its sources cannot be counted."""
        time_s = self._dependencies.time_left_s() - RESERVE_S
        source = TABLES[target.sources[0]]
        session = self._reading.session(source)
        try:
            with failures_of(source.reader):
                return {target.name: session.guarded(lambda: session.count(target), time_s)}
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
        """Return whether warehouse tables came or went: one that comes back must find in the log that it was away."""
        return self._newest is not None and set(self._newest.warehouse) != set(self._dependencies.targets)

    def _record(self, states: dict[str, TableState], expected: dict[str, int] | None) -> RunRecord:
        changed = {name for name, state in states.items() if state.batch}
        ever_read = {name for name, state in states.items() if state.full_run}
        return RunRecord(
            version=1,
            log=self._newest.log if self._newest else self._dependencies.new_id(),
            run=self._number,
            attempt=self._attempt,
            cause=self._request.cause,
            code=self._dependencies.code,
            snapshot=self._reading.snapshot,
            tables=states,
            targets=expected_targets(changed, ever_read, self._dependencies.targets),
            warehouse=tuple(self._dependencies.targets),
            expected=expected,
            began=self._newest.began if self._newest else self._number,
        )


def rows_of(record: RunRecord) -> int:
    """Return how many rows the run brings."""
    return sum(state.batch.rows for state in record.tables.values() if state.batch)


def held(states: Mapping[str, TableState]) -> dict[str, str]:
    """Return why, by source table that is held."""
    return {name: state.hold.reason for name, state in states.items() if state.hold}
