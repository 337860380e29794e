"""The statements of one extraction, on one connection to the source: all reading is here."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from shared.columns import Frame
from shared.errors import NotYet, PermanentError, ServiceRefused, ServiceUnavailable, TransientError
from shared.lake.documents import Cursor, Snapshot
from shared.postgres.connection import Connection
from shared.postgres.decoding import FrameSink
from shared.source import sql
from shared.source.catalogue import SourceTable
from shared.source.changes import Keys, Live, flush_target

T = TypeVar("T")
Sleep = Callable[[float], None]

# PostgreSQL's WAL writer flushes each wal_writer_delay (0.2 s); on a server where nobody commits it sleeps for 25 of
# them, while a transaction that is still open may have written.
LONGEST_FLUSH_S = 10.0
LOOK_AGAIN_S = 0.05

# The folder of the product's code: an error is told by its last line there, not by that of a library.
OURS = str(Path(__file__).parents[1])


class Moment(NamedTuple):
    """The run's snapshot, when the server had been started, and how far its WAL was written (None on a standby)."""

    snapshot: Snapshot
    server: str
    lsn: int | None


class TableError(Exception):
    """One table could not be read; `hold` says whether a person must look, `reason` why. Never leaves this stage.

    `bug` is what the log says of an error that the code did not foresee: its class and its place.
    """

    def __init__(self, reason: str, hold: bool, bug: Mapping[str, str] | None = None) -> None:
        self.reason, self.hold, self.bug = reason, hold, bug or {}
        super().__init__(reason)


def table_error(error: Exception) -> TableError:
    """Translate what was raised while one table was read. Only the class of an unforeseen error is told: what it says
    may hold rows.
    """
    match error:
        case TableError():
            return error
        case PermanentError() | TransientError():
            return TableError(str(error), hold=isinstance(error, PermanentError))
    name = type(error).__name__
    place = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(OURS)][-1]
    bug = {"error": name, "at": f"{Path(place.filename).name}:{place.lineno}"}
    return TableError(f"reading it failed with an unforeseen {name}; run logs.sh extract", hold=True, bug=bug)


class Draining:
    """Passes a COPY's rows on until `sink` raises, and throws away what follows: an error in the midst of a COPY would
    cost the connection, and with it every other table.
    """

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._error: Exception | None = None

    def write(self, data: bytes) -> None:
        if self._error:
            return
        try:
            self._sink.write(data)
        except Exception as error:  # noqa: BLE001 - raised by close
            self._error = error

    def close(self) -> None:
        """Raise what `sink` raised, or close it."""
        if self._error:
            raise self._error
        self._sink.close()


class Source:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def take_lock(self, stack: str, patience_s: float, sleep: Sleep) -> bool:
        """Whether this session is now the stack's only extract; it stays so until it closes."""
        return self._until(f"SELECT pg_try_advisory_lock({sql.advisory_key(stack)})", bool, patience_s, sleep)

    def begin(self, timeout_s: int, tables: Sequence[SourceTable]) -> dict[str, TableError]:
        """Open the run's transaction and lock its tables; those that could not be locked, and why."""
        self._connection.run(sql.begin(timeout_s))
        try:
            self.guarded(lambda: self._connection.run(sql.lock(tables)))
        except TableError:
            return self._lock_one_by_one(tables)
        return {}

    def moment(self) -> Moment:
        xmin, xmax, taken_at, lsn, server = self._connection.one(sql.SNAPSHOT)
        assert isinstance(taken_at, datetime)
        return Moment(Snapshot(taken_at=taken_at, xmin=xmin, xmax=xmax), server, lsn)

    def live(self, tables: Sequence[SourceTable]) -> dict[str, Live]:
        found: dict[str, Live] = {}
        for name, oid, relfilenode, column, kind in self._connection.run(sql.LIVE, names=[t.name for t in tables]):
            before = found[name].columns if name in found else ()
            found[name] = Live(oid, relfilenode, (*before, (column, kind)))
        return found

    def guarded(self, read: Callable[[], T]) -> T:
        """Return what `read` returns. Whatever it raises becomes a TableError, and the transaction is as before.

        An error of another service, and a lost connection, are no matter of one table: they are raised as they are.
        """
        self._connection.run("SAVEPOINT one_table")
        try:
            return read()
        except Exception as error:
            if isinstance(error, ServiceRefused | ServiceUnavailable) and error.service != self._connection.database:
                raise
            self._connection.run("ROLLBACK TO SAVEPOINT one_table")
            raise table_error(error) from error

    def limit(self, seconds: float) -> None:
        """Cancel each later statement of the transaction that takes longer."""
        self._connection.run(f"SET LOCAL statement_timeout = '{max(int(seconds), 1)}s'")

    def keys(self, table: SourceTable, old_max: int | None) -> Keys:
        rows, checksum, max_key, old_rows, old_checksum = self._connection.one(sql.keys(table, old_max))
        return Keys(rows, int(checksum), max_key, old_rows, int(old_checksum))

    def any_changed(self, table: SourceTable, snapshot: Snapshot, cursor: Cursor) -> bool:
        return bool(self._connection.one(sql.any_changed(table, snapshot, cursor))[0])

    def count_changed(self, table: SourceTable, snapshot: Snapshot, cursor: Cursor | None, keys: Sequence[int]) -> int:
        """How many rows `copy` would read."""
        return int(self._connection.one(sql.count_changed(table, snapshot, cursor, keys))[0])

    def copy(
        self,
        table: SourceTable,
        snapshot: Snapshot,
        cursor: Cursor | None,
        keys: Sequence[int],
        on_frame: Callable[[Frame], None],
    ) -> None:
        """Frames of what changed since `cursor`, and of `keys`, or of all rows; each with sql.XID and sql.TOO_LONG."""
        statement = sql.copy_changed(table, snapshot, cursor, keys) if cursor else sql.copy_all(table, snapshot)
        sink = Draining(FrameSink(table.columns, on_frame, extra_int8=[sql.XID, sql.TOO_LONG]))
        self._connection.copy_out(statement, sink)
        sink.close()

    def count(self, expression: str) -> int:
        return int(self._connection.one(f"SELECT {expression}")[0])  # noqa: S608 - made by sql.py

    def end(self) -> None:
        self._connection.run("COMMIT")

    def wait_flushed(self, lsn: int | None, sleep: Sleep) -> None:
        """Return once a crash of the server can no longer take back what this run has seen.

        Transaction ids whose WAL was not flushed are given out again after a crash, to rows that the cursor
        would take for seen. Raises NotYet. A standby replays only what its primary has flushed.
        """
        if lsn is None:
            return
        enough = flush_target(lsn)
        if not self._until(sql.FLUSHED, lambda flushed: flushed >= enough, LONGEST_FLUSH_S, sleep):
            raise NotYet("source: its WAL was not flushed in time; the next run reads again")

    def _lock_one_by_one(self, tables: Sequence[SourceTable]) -> dict[str, TableError]:
        problems = {}
        for table in tables:
            try:
                self.guarded(lambda: self._connection.run(sql.lock([table])))  # noqa: B023 - called at once
            except TableError as error:
                problems[table.name] = error
        return problems

    def _until(self, statement: str, enough: Callable[[int], bool], patience_s: float, sleep: Sleep) -> bool:
        """Whether the statement's one value was `enough` within `patience_s`."""
        policy = Retrying(
            retry=retry_if_result(lambda found: not found),
            stop=stop_after_attempt(1 + int(patience_s / LOOK_AGAIN_S)),
            wait=wait_fixed(LOOK_AGAIN_S),
            sleep=sleep,
            retry_error_callback=lambda _: False,
        )
        return bool(policy(lambda: enough(self._connection.one(statement)[0])))
