"""The statements of one extraction, on one connection to the source: all reading is here."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from shared.catalogue import SourceTable
from shared.errors import NotYet, PermanentError, ServiceRefused, ServiceUnavailable, TransientError
from shared.frames import Frame
from shared.lake.documents import Cursor, Snapshot
from shared.postgres.connection import Connection
from shared.postgres.decoding import FrameSink
from shared.postgres.times import time_of, written
from shared.source import sql
from shared.source.changes import KeyStats, flush_target
from shared.source.live import LIVE, Live, live_from

T = TypeVar("T")
Sleep = Callable[[float], None]

# PostgreSQL's WAL writer flushes each wal_writer_delay (0.2 s); on a server where nobody commits it sleeps for 25 of
# them, while a transaction that is still open may have written.
LONGEST_FLUSH_S = 10.0
LOOK_AGAIN_S = 0.05

# The folder of the product's code: an error is told by its last line there, not by that of a library.
OURS = str(Path(__file__).parents[1])

# PostgreSQL documents that a crash takes back asynchronous commits of at most three of its WAL writer's delays.
DELAYS = 3
SHORTEST_WAIT_S = 1.0


class Moment(NamedTuple):
    """The run's snapshot, and when the server had been started.

    `lsn` is how far its WAL was written, None on a standby; `unasked` is why a server that writes cannot say so.
    """

    snapshot: Snapshot
    server: str
    lsn: int | None = None
    unasked: str | None = None


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
        xmin, xmax, taken_at, is_standby, server = self._connection.one(sql.SNAPSHOT)
        moment = Moment(Snapshot(taken_at=time_of(taken_at), xmin=xmin, xmax=xmax), written(time_of(server)))
        if is_standby:
            return moment
        try:
            # After the snapshot: what it has seen was written before.
            return moment._replace(lsn=self.guarded(lambda: self._connection.one(sql.WRITTEN)[0]))
        except TableError as error:
            refused = error.__cause__
            return moment._replace(unasked=refused.told if isinstance(refused, ServiceRefused) else error.reason)

    def live(self, tables: Sequence[SourceTable]) -> dict[str, Live]:
        return dict(map(live_from, self._connection.run(LIVE, names=[t.name for t in tables])))

    def closed(self, tables: Sequence[SourceTable], live: Mapping[str, Live]) -> dict[str, TableError]:
        """The tables of which this login may not read every row: the server's words, and what it needs."""
        found = {table.name: self._refusal(table, live[table.name]) for table in tables if table.name in live}
        return {name: error for name, error in found.items() if error}

    def guarded(self, read: Callable[[], T], timeout_s: float | None = None) -> T:
        """Return what `read` returns. Whatever it raises becomes a TableError, and the transaction is as before.

        An error of another service, and a lost connection, are no matter of one table: they are raised as they are.
        With `timeout_s`, a statement that takes longer is cancelled.
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

    def keys(self, table: SourceTable, old_max: int | None) -> KeyStats:
        rows, checksum, max_key, old_rows, old_checksum = self._connection.one(sql.keys(table, old_max))
        return KeyStats(rows, int(checksum), max_key, old_rows, int(old_checksum))

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

    def wait_flushed(self, moment: Moment, sleep: Sleep) -> None:
        """Return once a crash of the server can no longer take back what this run has seen.

        Transaction ids whose WAL was not flushed are given out again after a crash, to rows that the cursor
        would take for seen. Raises NotYet. A standby replays only what its primary has flushed. To be called
        when the run's transaction has ended.
        """
        if moment.unasked:
            self._commit_durably(sleep)
        elif moment.lsn is not None:
            self._wait_for(flush_target(moment.lsn), sleep)

    def _wait_for(self, enough: int, sleep: Sleep) -> None:
        try:
            is_flushed = self._until(sql.FLUSHED, lambda flushed: flushed >= enough, LONGEST_FLUSH_S, sleep)
        except ServiceRefused:
            self._commit_durably(sleep)
            return
        if not is_flushed:
            raise NotYet("source: its WAL was not flushed in time; the next run reads again")

    def _commit_durably(self, sleep: Sleep) -> None:
        """What a server has acknowledged as committed survives its crash, and so does all that was logged before."""
        try:
            self._connection.run(sql.COMMIT_DURABLY)
        except ServiceRefused:
            self._connection.run("ROLLBACK")
            self._wait_as_documented(sleep)

    def _wait_as_documented(self, sleep: Sleep) -> None:
        """The commit of a transaction that has an id and wrote nothing is an asynchronous one."""
        self._connection.run(sql.COMMIT_AN_ID)
        found = self._connection.run(sql.WAL_WRITER_DELAY_MS)
        sleep(max(SHORTEST_WAIT_S, DELAYS * found[0][0] / 1000 if found else 0))

    def _refusal(self, table: SourceTable, live: Live) -> TableError | None:
        if live.closed_by is None:
            return None
        try:
            self.guarded(lambda: self._connection.run(sql.probe(table)))
        except TableError as error:
            refused = error.__cause__
            if not isinstance(refused, ServiceRefused):
                return error
            return TableError(f"{refused.told}; {sql.way_in(table, live)}", hold=True)
        return None

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
