"""The warehouse as the loader sees it: one session with its lock, transactions, the ledger and the log."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.errors import TotestreamError, TransientError, TwoLogs
from shared.lake.manifests import Place
from shared.load import ledger_sql
from shared.load.bookkeeping import SUPERSEDED
from shared.load.encodings import codec_of
from shared.load.present import shape_of
from shared.load.shape import Shape
from shared.postgres.connection import Connection, quoted
from shared.postgres.times import time_of

# A reader of the warehouse may hold a table for so long; the next tick tries again.
LOCK_S = 5
# What is kept back of the time left for rolling back and reporting.
RESERVE_S = 10
# A loader that was killed can leave its session, and so the lock, on the server: it is found out after this.
DEAD_AFTER_S = 120
# A constraint that is checked late would fail at COMMIT, where no row is named.
IMMEDIATELY = "SET CONSTRAINTS ALL IMMEDIATE"


@dataclass(frozen=True)
class TableLoad:
    """What one transaction did to one table; record ids only when facts were made."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    waiting: int = 0
    quarantined: int = 0
    first_record_id: int | None = None
    last_record_id: int | None = None
    newest_change_at: datetime | None = None


@dataclass(frozen=True)
class Taken:
    """A ledger row."""

    manifest_sha256: str | None
    status: str
    attempt: str | None = None

    @property
    def superseded(self) -> bool:
        return self.status == SUPERSEDED


@dataclass(frozen=True)
class Complete:
    """The last run that is wholly loaded, with all before it. `attempt` is its record's, None where nobody noted it:
    nothing of the log is loaded yet, or a former version loaded it."""

    run: int
    attempt: str | None = None


def lock_key(schema: str) -> int:
    """The advisory lock of the loader and of migrate: one a schema, so that two warehouses share a database."""
    digest = hashlib.sha256(f"totestream-load:{schema}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


class WarehouseSession:
    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self.schema = schema
        self._shapes: dict[str, Shape | None] = {}
        self._lock_key = lock_key(schema)
        connection.run(f"SET search_path TO {quoted(schema)}")
        self.codec = codec_of(connection.encoding)
        self._found_out_when_dead()

    def run(self, statement: str, **params: object) -> list[list[Any]]:
        return self._connection.run(statement, **params)

    def one(self, statement: str, **params: object) -> list[Any]:
        return self._connection.one(statement, **params)

    def count(self, statement: str, **params: object) -> int:
        return self._connection.run_counted(statement, **params)

    def copy(self, statement: str, blocks: Iterator[bytes]) -> int:
        return self._connection.copy_in(statement, blocks)

    def shape(self, table: str) -> Shape | None:
        """What the table is: asked once a session, which is one pass."""
        if table not in self._shapes:
            self._shapes[table] = shape_of(self.run, table)
        return self._shapes[table]

    def now(self) -> datetime:
        """The server's clock, UTC without a zone: one clock, whichever machine the loader runs on."""
        return time_of(self.one("SELECT CAST(round(extract(epoch FROM clock_timestamp()) * 1000000) AS bigint)")[0])

    def lock(self) -> bool:
        """False when another loader, or migrate, is at work."""
        return bool(self.one("SELECT pg_try_advisory_lock(CAST(:key AS bigint))", key=self._lock_key)[0])

    def unlock(self) -> None:
        self.run("SELECT pg_advisory_unlock(CAST(:key AS bigint))", key=self._lock_key)

    @contextmanager
    def transaction(self, time_left_s: Callable[[], float], lock_s: float = LOCK_S) -> Iterator[None]:
        """All or nothing. An error from the ROLLBACK itself means that the connection is lost."""
        statement_ms = max(int(time_left_s() - RESERVE_S), 1) * 1000
        try:
            limits = f"SET LOCAL lock_timeout = '{lock_s}s'; SET LOCAL statement_timeout = {statement_ms}"
            self.run(f"BEGIN; {limits}; {IMMEDIATELY}")
            yield
            self.run("COMMIT")
        except TotestreamError as error:
            self._roll_back(error)
            raise

    # ---- log and ledger

    def complete(self, log: str, began: int) -> Complete:
        """Up to where `log` is wholly loaded; a log not known yet begins here, with run `began`.

        Raises TwoLogs when a later log was begun: two of them feed this warehouse.
        """
        known = self.run(ledger_sql.KNOWN_LOG, log=log)
        if not known:
            self.run(ledger_sql.BEGIN_LOG, log=log, run=began - 1)
            return Complete(began - 1)
        run, attempt, newest = known[0]
        if not newest:
            raise TwoLogs(
                f"run log {log}: a later log was begun on this warehouse, so manifests of this one are refused; "
                "stop one of the two stacks, or give each a WAREHOUSE_SCHEMA of its own"
            )
        return Complete(run, attempt)

    def advance(self, log: str, to: Complete) -> None:
        self.run(ledger_sql.ADVANCE_LOG, log=log, run=to.run, attempt=to.attempt)

    def taken(self, log: str, after_run: int) -> dict[Place, Taken]:
        rows = self.run(ledger_sql.LEDGER_AFTER, log=log, run=after_run)
        return {(run, table): Taken(*entry) for run, table, *entry in rows}

    def last_runs(self, log: str) -> dict[str, int]:
        """Per table the run that it took last."""
        last: dict[str, int] = self.one(ledger_sql.LAST_RUNS, log=log)[0]
        return last

    def is_empty(self, table: str) -> bool:
        return not self.run(f"SELECT FROM {quoted(table)} LIMIT 1")  # noqa: S608 - a name of ours, and quoted

    def enter(self, load: TableLoad, **place: object) -> None:
        """The ledger's row. `place` names log_id, table_name, run and the like; what is missing is null."""
        counts = {name: getattr(load, name) for name in ledger_sql.COUNTS}
        records = {"first_record_id": load.first_record_id, "last_record_id": load.last_record_id}
        values: Mapping[str, object] = dict.fromkeys(ledger_sql.LEDGER_COLUMNS) | counts | records | place
        self.run(ledger_sql.insert_ledger(), **values)
        self.run(ledger_sql.COUNT_ENTRY, table=place["table_name"])

    def has_loaded(self, table: str) -> bool:
        return bool(self.one(ledger_sql.HAS_LOADED, table=table)[0])

    def foreign_keys(self) -> set[tuple[str, str]]:
        """(table, column) of each that exists."""
        return {(table, column) for table, column in self.run(ledger_sql.FOREIGN_KEYS)}

    def _roll_back(self, error: TotestreamError) -> None:
        try:
            self.run("ROLLBACK")
        except TotestreamError as second:
            raise ConnectionLost(f"warehouse: the connection was lost ({error})") from second

    def _found_out_when_dead(self) -> None:
        # Asked for by name: PostgreSQL 13 has no idle_session_timeout.
        for name in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
            self.run(
                "SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name",
                name=name,
                value=str(DEAD_AFTER_S * 1000),
            )


class ConnectionLost(TransientError):
    """The pass cannot go on; what was not committed never was."""
