"""What was loaded, and from which log: the functions on etl_ledger and etl_log that a loader uses.

`session` is a session of the warehouse whose search_path names the schema; what is written belongs to its transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.errors import TwoLogs
from shared.lake.manifests import Place
from shared.ledger import entries
from shared.ledger.tables import SUPERSEDED


class LedgerSession(Protocol):
    """A session of the warehouse, in a transaction."""

    def run(self, statement: str, **params: object) -> list[list[Any]]: ...

    def one(self, statement: str, **params: object) -> list[Any]: ...


@dataclass(frozen=True)
class TableLoad:
    """What one transaction did to one table, in rows; record ids only when facts were made."""

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
class LedgerEntry:
    """A ledger row: the manifest that was applied, and the attempt of its run's record."""

    manifest_sha256: str | None
    status: str
    attempt: str | None = None

    @property
    def superseded(self) -> bool:
        return self.status == SUPERSEDED


@dataclass(frozen=True)
class CompleteRun:
    """The last run that is completely loaded, with all before it. `attempt` is its record's, or None where nothing of
    the log is loaded yet, or a former version loaded it."""

    run: int
    attempt: str | None = None


def complete_run(session: LedgerSession, log: str, began: int) -> CompleteRun:
    """Return up to where `log` is completely loaded; an unknown log is entered here and begins with run `began`.

    Raise TwoLogs when a later log was begun: two of them feed this warehouse.
    """
    known = session.run(entries.KNOWN_LOG, log=log)
    if not known:
        session.run(entries.BEGIN_LOG, log=log, run=began - 1)
        return CompleteRun(began - 1)
    run, attempt, newest = known[0]
    if not newest:
        raise TwoLogs(
            f"run log {log}: a later log was begun on this warehouse, so manifests of this one are refused; "
            "stop one of the two stacks, or give each a WAREHOUSE_SCHEMA of its own"
        )
    return CompleteRun(run, attempt)


def advance(session: LedgerSession, log: str, to: CompleteRun) -> None:
    """Record that everything up to `to` is loaded."""
    session.run(entries.ADVANCE_LOG, log=log, run=to.run, attempt=to.attempt)


def entries_after(session: LedgerSession, log: str, run: int) -> dict[Place, LedgerEntry]:
    """Return the entries of the manifests after `run`."""
    rows = session.run(entries.LEDGER_AFTER, log=log, run=run)
    return {(run, table): LedgerEntry(*entry) for run, table, *entry in rows}


def last_runs(session: LedgerSession, log: str) -> dict[str, int]:
    """Return, per table, the run that it applied last."""
    last: dict[str, int] = session.one(entries.LAST_RUNS, log=log)[0]
    return last


def enter(session: LedgerSession, load: TableLoad, **place: object) -> None:
    """Insert a ledger row. `place` names log_id, table_name, run and further columns; what it leaves out is null."""
    counts = {name: getattr(load, name) for name in entries.COUNTS}
    records = {"first_record_id": load.first_record_id, "last_record_id": load.last_record_id}
    values: Mapping[str, object] = dict.fromkeys(entries.LEDGER_COLUMNS) | counts | records | place
    session.run(entries.insert_ledger(), **values)
    session.run(entries.COUNT_ENTRY, table=place["table_name"])


def has_loaded(session: LedgerSession, table: str) -> bool:
    """Return whether any manifest of the table was loaded, in any log."""
    return bool(session.one(entries.HAS_LOADED, table=table)[0])
