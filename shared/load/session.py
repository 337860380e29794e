"""A session of the warehouse: the loader's lock, transactions, and what the session knows of the tables."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from shared.errors import TotestreamError, TransientError
from shared.load.encodings import codec_of
from shared.load.schema.inspector import shape_of
from shared.load.schema.shape import Shape
from shared.postgres.connection import Connection, quoted
from shared.postgres.times import time_of

# A reader of the warehouse may hold a table this long; the next pass tries again.
LOCK_S = 5
# Kept of the time left for the rollback and the report.
RESERVE_S = 10
# A killed loader can leave its session, and so the lock, on the server, which ends it after this time.
DEAD_AFTER_S = 120
# A constraint that is checked late would fail at COMMIT, where no row is named.
IMMEDIATELY = "SET CONSTRAINTS ALL IMMEDIATE"

FOREIGN_KEYS = """
    SELECT relname::text, attname::text
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE contype = 'f' AND nspname = current_schema() AND array_length(conkey, 1) = 1"""


def lock_key(schema: str) -> int:
    """Return the advisory lock of the loader and of migrate: one per schema, so two warehouses may share a database."""
    digest = hashlib.sha256(f"totestream-load:{schema}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


class WarehouseSession:
    """A connection whose search_path names the schema, and which the server ends soon after its client has died."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self.schema = schema
        self._shapes: dict[str, Shape | None] = {}
        self._lock_key = lock_key(schema)
        connection.run(f"SET search_path TO {quoted(schema)}")
        self.codec = codec_of(connection.encoding)
        self._end_when_dead()

    def run(self, statement: str, **params: object) -> list[list[Any]]:
        return self._connection.run(statement, **params)

    def one(self, statement: str, **params: object) -> list[Any]:
        return self._connection.one(statement, **params)

    def count(self, statement: str, **params: object) -> int:
        return self._connection.run_counted(statement, **params)

    def copy(self, statement: str, blocks: Iterator[bytes]) -> int:
        return self._connection.copy_in(statement, blocks)

    def shape(self, table: str) -> Shape | None:
        """Return what PostgreSQL's catalogue says of the table, None where it does not exist; read once a session."""
        if table not in self._shapes:
            self._shapes[table] = shape_of(self.run, table)
        return self._shapes[table]

    def now(self) -> datetime:
        """Return the server's time, UTC without a zone: one clock, whichever machine the loader runs on."""
        return time_of(self.one("SELECT CAST(round(extract(epoch FROM clock_timestamp()) * 1000000) AS bigint)")[0])

    def lock(self) -> bool:
        """Return False when another loader, or migrate, has the lock."""
        return bool(self.one("SELECT pg_try_advisory_lock(CAST(:key AS bigint))", key=self._lock_key)[0])

    def unlock(self) -> None:
        self.run("SELECT pg_advisory_unlock(CAST(:key AS bigint))", key=self._lock_key)

    @contextmanager
    def transaction(self, time_left_s: Callable[[], float], lock_s: float = LOCK_S) -> Iterator[None]:
        """Begin a transaction, and commit it unless an error is raised. Raise ConnectionLost when ROLLBACK fails."""
        statement_ms = max(int(time_left_s() - RESERVE_S), 1) * 1000
        try:
            limits = f"SET LOCAL lock_timeout = '{lock_s}s'; SET LOCAL statement_timeout = {statement_ms}"
            self.run(f"BEGIN; {limits}; {IMMEDIATELY}")
            yield
            self.run("COMMIT")
        except TotestreamError as error:
            self._roll_back(error)
            raise

    def is_empty(self, table: str) -> bool:
        return not self.run(f"SELECT FROM {quoted(table)} LIMIT 1")  # noqa: S608 - a name of ours, and quoted

    def foreign_keys(self) -> set[tuple[str, str]]:
        """Return (table, column) of each foreign key of one column that exists."""
        return {(table, column) for table, column in self.run(FOREIGN_KEYS)}

    def _roll_back(self, error: TotestreamError) -> None:
        try:
            self.run("ROLLBACK")
        except TotestreamError as second:
            raise ConnectionLost(f"warehouse: the connection was lost ({error})") from second

    def _end_when_dead(self) -> None:
        # Each only where the server has it: PostgreSQL 13 has no idle_session_timeout.
        for name in ("idle_in_transaction_session_timeout", "idle_session_timeout"):
            self.run(
                "SELECT set_config(name, :value, false) FROM pg_settings WHERE name = :name",
                name=name,
                value=str(DEAD_AFTER_S * 1000),
            )


class ConnectionLost(TransientError):
    """The pass cannot go on; what was not committed never was."""
