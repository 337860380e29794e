"""A session of one PostgreSQL source: every statement of an extraction is run here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from shared.catalogue import TABLES, SourceTable
from shared.errors import NotYet, ServiceRefused, ServiceUnavailable
from shared.lake.documents import PostgresCursor, Snapshot
from shared.postgres.connection import Connection
from shared.postgres.times import time_of, written
from shared.source.readers.base import Sleep, TableDescription, TableError, TableView, table_error
from shared.source.readers.postgres import sql
from shared.source.readers.postgres.changes import (
    KeyStats,
    SnapshotInfo,
    difference,
    flush_target,
    keys_are_gone,
    keys_of,
    reason_for_full,
)
from shared.source.readers.postgres.description import DETAILS, OTHERS, description_from
from shared.source.readers.postgres.live import LIVE, LiveTable, live_table_from
from shared.source.readers.postgres.rows import PostgresTableChanges
from shared.warehouse.registry import Target

T = TypeVar("T")

# PostgreSQL's WAL writer flushes each wal_writer_delay (0.2 s); on a server where nobody commits it sleeps for 25 of
# them, while a transaction that is still open may have written.
LONGEST_FLUSH_S = 10.0
POLL_S = 0.05

# PostgreSQL documents that a crash takes back asynchronous commits of at most three of its WAL writer's delays.
DELAYS = 3
SHORTEST_WAIT_S = 1.0


class PostgresSession:
    """Reads tables in one transaction of `connection`, as of one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._live: Mapping[str, LiveTable] = {}
        self._unreadable: Mapping[str, TableError] = {}

    def take_lock(self, stack: str, patience_s: float, sleep: Sleep) -> bool:
        """Return whether this session is now the stack's only extract; it stays so until it closes."""
        return self._until(f"SELECT pg_try_advisory_lock({sql.advisory_key(stack)})", bool, patience_s, sleep)

    def begin(self, timeout_s: int, tables: Sequence[SourceTable]) -> None:
        """Open the transaction, lock `tables`, take the snapshot and look at the tables."""
        self._connection.run(sql.begin(timeout_s))
        # Locked before the snapshot is taken: to an older snapshot a rewritten table looks empty.
        unlocked = self._lock(tables)
        self.info = self._take_snapshot()
        self._live = dict(map(live_table_from, self._connection.run(LIVE, names=[t.name for t in tables])))
        self._unreadable = unlocked | self._closed(tables)

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(taken_at=self.info.taken_at, xmin=self.info.xmin, xmax=self.info.xmax)

    @property
    def durability_problem(self) -> str | None:
        return self.info.wal_problem

    def view(self, table: SourceTable) -> TableView:
        live, error = self._live.get(table.name), self._unreadable.get(table.name)
        if live is None:
            return TableView(difference=difference(table, None), error=error)
        return TableView(dict(live.columns), live.fingerprint, difference(table, live), error)

    def describe(self, name: str) -> TableDescription | None:
        for _, live in map(live_table_from, self._connection.run(LIVE, names=[name])):
            return description_from(name, live, self._connection.one(DETAILS, oid=live.oid))
        return None

    def undeclared_tables(self) -> list[str]:
        return [name for (name,) in self._connection.run(OTHERS, names=list(TABLES))]

    def reason_for_full(self, table: SourceTable, cursor: PostgresCursor) -> str | None:
        return reason_for_full(cursor, self.info, self._live[table.name])

    def changes(self, table: SourceTable, cursor: PostgresCursor | None, *, changed_only: bool) -> PostgresTableChanges:
        found = self._keys(table, cursor.max_key if cursor else None)
        reason = None
        if cursor and not changed_only and keys_are_gone(cursor, found):
            reason = "keys were deleted, or committed late"
        elif cursor and table.reference and self._any_changed(table, cursor):
            reason = "a row changed"
        since = None if reason else cursor
        known = keys_of(since) if since and changed_only else found
        live = self._live[table.name]
        return PostgresTableChanges(self._connection, table, self.info, live, since, known, reason, changed_only)

    def count(self, target: Target) -> int:
        sources = [TABLES[name] for name in target.sources]
        if target.kind == "calendar":
            return self._number(sql.count_dates(sources))
        return self._number(sql.count_values(sources[0], target.key) if target.grouped else sql.count_rows(sources[0]))

    def guarded(self, read: Callable[[], T], timeout_s: float | None = None) -> T:
        """Return what `read` returns. Whatever it raises becomes a TableError, and the transaction stays usable.

        An error of another service and a lost connection concern more than one table: they are raised as they are.
        """
        limit = "" if timeout_s is None else f"; {sql.limit(timeout_s)}"
        self._connection.run(f"SAVEPOINT one_table{limit}")
        try:
            return read()
        except Exception as error:
            if isinstance(error, ServiceRefused | ServiceUnavailable) and error.service != self._connection.database:
                raise
            self._connection.run("ROLLBACK TO SAVEPOINT one_table")
            raise table_error(error) from error

    def limit(self, seconds: float) -> None:
        """Cancel each later statement of the transaction that takes longer."""
        self._connection.run(sql.limit(seconds))

    def end(self) -> None:
        self._connection.run("COMMIT")

    def wait_durable(self, sleep: Sleep) -> None:
        """Return once the WAL of all that this run has seen is flushed. Raise NotYet when that takes too long.

        Transaction ids whose WAL was not flushed are given out again after a crash, to rows that the cursor would take
        for seen. A standby replays only what its primary has flushed.
        """
        if self.info.wal_problem:
            self._commit_durably(sleep)
        elif self.info.lsn is not None:
            self._wait_for(flush_target(self.info.lsn), sleep)

    def _take_snapshot(self) -> SnapshotInfo:
        xmin, xmax, taken_at, is_standby, server = self._connection.one(sql.SNAPSHOT)
        info = SnapshotInfo(time_of(taken_at), xmin, xmax, written(time_of(server)))
        if is_standby:
            return info
        try:
            # After the snapshot: what it has seen was written before.
            return info._replace(lsn=self.guarded(lambda: self._connection.one(sql.WRITTEN)[0]))
        except TableError as error:
            refused = error.__cause__
            return info._replace(wal_problem=refused.told if isinstance(refused, ServiceRefused) else error.reason)

    def _keys(self, table: SourceTable, old_max: int | None) -> KeyStats:
        rows, checksum, max_key, old_rows, old_checksum = self._connection.one(sql.keys(table, old_max))
        return KeyStats(rows, int(checksum), max_key, old_rows, int(old_checksum))

    def _any_changed(self, table: SourceTable, cursor: PostgresCursor) -> bool:
        return bool(self._connection.one(sql.any_changed(table, self.info, cursor))[0])

    def _number(self, expression: str) -> int:
        return int(self._connection.one(f"SELECT {expression}")[0])  # noqa: S608 - made by sql.py

    def _wait_for(self, enough: int, sleep: Sleep) -> None:
        try:
            is_flushed = self._until(sql.FLUSHED, lambda flushed: flushed >= enough, LONGEST_FLUSH_S, sleep)
        except ServiceRefused:
            self._commit_durably(sleep)
            return
        if not is_flushed:
            raise NotYet("source: its WAL was not flushed in time; the next run reads again")

    def _commit_durably(self, sleep: Sleep) -> None:
        """Commit a transaction: once acknowledged it survives a crash, and so does all that was logged before."""
        try:
            self._connection.run(sql.COMMIT_DURABLY)
        except ServiceRefused:
            self._connection.run("ROLLBACK")
            self._wait_as_documented(sleep)

    def _wait_as_documented(self, sleep: Sleep) -> None:
        """Wait for an asynchronous commit, which is what a transaction gets that has an id and wrote nothing."""
        self._connection.run(sql.COMMIT_AN_ID)
        found = self._connection.run(sql.WAL_WRITER_DELAY_MS)
        sleep(max(SHORTEST_WAIT_S, DELAYS * found[0][0] / 1000 if found else 0))

    def _closed(self, tables: Sequence[SourceTable]) -> dict[str, TableError]:
        """Return, by table, why this login may not read every row: the server's words, and the statement that helps."""
        live = self._live
        found = {table.name: self._refusal(table, live[table.name]) for table in tables if table.name in live}
        return {name: error for name, error in found.items() if error}

    def _refusal(self, table: SourceTable, live: LiveTable) -> TableError | None:
        if live.closed_by is None:
            return None
        try:
            self.guarded(lambda: self._connection.run(sql.probe(table)))
        except TableError as error:
            refused = error.__cause__
            if not isinstance(refused, ServiceRefused):
                return error
            return TableError(f"{refused.told}; {sql.grant_for(table, live)}", hold=True)
        return None

    def _lock(self, tables: Sequence[SourceTable]) -> dict[str, TableError]:
        """Return, by table, why it could not be locked."""
        try:
            self.guarded(lambda: self._connection.run(sql.lock(tables)))
        except TableError:
            return self._lock_one_by_one(tables)
        return {}

    def _lock_one_by_one(self, tables: Sequence[SourceTable]) -> dict[str, TableError]:
        problems = {}
        for table in tables:
            try:
                self.guarded(lambda: self._connection.run(sql.lock([table])))  # noqa: B023 - called at once
            except TableError as error:
                problems[table.name] = error
        return problems

    def _until(self, statement: str, enough: Callable[[int], bool], patience_s: float, sleep: Sleep) -> bool:
        """Return whether the statement's one value was `enough` within `patience_s`."""
        policy = Retrying(
            retry=retry_if_result(lambda found: not found),
            stop=stop_after_attempt(1 + int(patience_s / POLL_S)),
            wait=wait_fixed(POLL_S),
            sleep=sleep,
            retry_error_callback=lambda _: False,
        )
        return bool(policy(lambda: enough(self._connection.one(statement)[0])))
