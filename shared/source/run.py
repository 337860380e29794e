"""The reading of one run, as of one snapshot: parts are written, the record is composed and not yet committed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared import log
from shared.aws.topic import Topic
from shared.columns import Frame
from shared.lake import keys, parquet
from shared.lake.documents import Batch, Cursor, Hold, Part, RunRecord, TableState
from shared.lake.run_log import RunLog
from shared.postgres.connection import Connection
from shared.source import sql
from shared.source.catalogue import TABLES, SourceTable
from shared.source.changes import Live, difference, keys_are_gone, next_cursor, purposes, reason_for_full
from shared.source.database import Moment, Sleep, Source, TableError
from shared.source.request import Request
from shared.warehouse.registry import Target, expected_targets

# What is kept back of the time left for writing the record and sending the messages.
RESERVE_S = 15


@dataclass(frozen=True)
class Outside:
    """What an extraction uses of the world."""

    run_log: RunLog
    topic: Topic
    open_source: Callable[[], Connection]
    targets: Mapping[str, Target]
    stack: str
    code: str
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    sleep: Sleep
    time_left_s: Callable[[], float]


class Health(msgspec.Struct, frozen=True):
    """health/extract.json: the last look, also when it found nothing; that is how quiet and dead differ."""

    at: datetime
    snapshot_at: datetime
    run: int
    changed: tuple[str, ...]
    held: dict[str, str]


class Run:
    """The reading of one run: every table as of one snapshot."""

    moment: Moment

    def __init__(self, request: Request, outside: Outside, source: Source, newest: RunRecord | None) -> None:
        self._request, self._outside, self._source, self._newest = request, outside, source, newest
        self._number = newest.run + 1 if newest else 1
        self._attempt = outside.new_id()[:12]
        self.rows = 0

    def read(self) -> RunRecord | None:
        """The record of what changed; None when there is nothing to say."""
        tables = tuple(TABLES.values())
        timeout_s = max(int(self._outside.time_left_s()) - RESERVE_S, 1)
        self._unlocked = self._source.begin(timeout_s, tables)
        self.moment = self._source.moment()
        self._live = self._source.live(tables)
        states = {table.name: self._state(table) for table in tables}
        expected = self._expected(states) if self._request.count else None
        self._source.end()
        return self._record(states, expected) if self._has_news(states) else None

    def report(self, newest: RunRecord | None) -> None:
        """health/extract.json; after a commit `newest` is the record just made."""
        health = Health(
            at=self._outside.now(),
            snapshot_at=self.moment.snapshot.taken_at,
            run=newest.run if newest else 0,
            changed=newest.changed if newest and newest.run == self._number else (),
            held=_held(newest.tables if newest else {}),
        )
        self._outside.run_log.bucket.put(keys.EXTRACT_HEALTH, msgspec.json.encode(health))

    def _before(self) -> dict[str, TableState]:
        return self._newest.tables if self._newest else {}

    def _state(self, table: SourceTable) -> TableState:
        before = self._before().get(table.name, TableState())
        try:
            return self._source.guarded(lambda: self._read(table, before))
        except TableError as problem:
            log.warning("table was not read", run=self._number, table=table.name, reason=problem.reason)
            return self._unread(before, problem)

    def _unread(self, before: TableState, problem: TableError) -> TableState:
        """Its place in the log stays; a person must look (a hold), or the next run tries again."""
        hold = before.hold
        if problem.hold:
            since = hold.since_run if hold else self._number
            hold = Hold(since_run=since, reason=problem.reason)
        return TableState(cursor=before.cursor, full_run=before.full_run, hold=hold)

    def _read(self, table: SourceTable, before: TableState) -> TableState:
        live = self._readable(table)
        snapshot, server, _ = self.moment
        cursor, read_for = before.cursor, purposes(table, self._outside.targets)
        reason = reason_for_full(cursor, snapshot, server, live, read_for) or self._request.full.get(table.name)
        found = self._source.keys(table, cursor.max_key if cursor else None)
        if cursor and not reason:
            if keys_are_gone(cursor, found):
                reason = "keys are gone, or came late"
            elif table.reference and self._source.any_changed(table, snapshot, cursor):
                reason = "a row changed"
        since = None if reason else cursor
        batch, xids = None, set[int]()
        if reason or not table.reference:
            batch, xids = self._batch(table, since, reason)
        return TableState(
            cursor=next_cursor(since, snapshot, server, live, found, xids, read_for),
            full_run=self._number if reason else before.full_run,
            batch=batch if reason or (batch and batch.rows) else None,
        )

    def _readable(self, table: SourceTable) -> Live:
        live = self._live.get(table.name)
        if live and table.name in self._unlocked:
            raise self._unlocked[table.name]
        problem = difference(table, live)
        if live is None or problem:
            raise TableError(f"{problem}: mend the source, or shared/source/catalogue.py", hold=True)
        return live

    def _batch(self, table: SourceTable, since: Cursor | None, reason: str | None) -> tuple[Batch, set[int]]:
        parts = Parts(self, table)
        self._source.copy(table, self.moment.snapshot, since, parts.add)
        rows = sum(part.rows for part in parts.written)
        self.rows += rows
        batch = Batch(
            mode="full" if reason else "delta",
            reason=reason or "rows changed",
            rows=rows,
            parts=tuple(parts.written),
            catalogue=table.fingerprint,
        )
        return batch, parts.xids

    def write_part(self, table: SourceTable, number: int, frame: Frame) -> Part:
        body = parquet.encode(frame, table.batch_columns)
        sha256 = keys.content_hash(body)
        taken_at = self.moment.snapshot.taken_at
        key = keys.batch_part_key(table.name, taken_at, self._number, self._attempt, number, sha256)
        self._outside.run_log.bucket.create(key, body)
        return Part(key=key, sha256=sha256, rows=len(frame), bytes=len(body))

    def _expected(self, states: Mapping[str, TableState]) -> dict[str, int]:
        """The rows that each warehouse table should show at this snapshot, by one statement."""
        readable = {name for name, state in states.items() if not state.hold}
        return self._source.counts(
            {t.name: _count(t) for t in self._outside.targets.values() if readable.issuperset(t.sources)}
        )

    def _has_news(self, states: Mapping[str, TableState]) -> bool:
        return (
            self._request.forced
            or any(state.batch for state in states.values())
            or _held(states) != _held(self._before())
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
        )


class Parts:
    """The parts of one batch while they are read, and the transaction ids that the next cursor must know."""

    def __init__(self, run: Run, table: SourceTable) -> None:
        self._run, self._table = run, table
        self.written: list[Part] = []
        self.xids: set[int] = set()

    def add(self, frame: Frame) -> None:
        xids = frame.pop(sql.XID)
        self.xids.update(xids[xids >= self._run.moment.snapshot.xmin].unique().tolist())
        self.written.append(self._run.write_part(self._table, len(self.written), frame))


def _held(states: Mapping[str, TableState]) -> dict[str, str]:
    return {name: state.hold.reason for name, state in states.items() if state.hold}


def _count(target: Target) -> str:
    sources = [TABLES[name] for name in target.sources]
    if target.kind == "set":
        return sql.count_dates(sources)
    return sql.count_values(sources[0], target.key) if target.grouped else sql.count_rows(sources[0])
