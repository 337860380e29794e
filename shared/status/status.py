"""One screen: per warehouse table its last run, rows, freshness and what is behind, waiting or quarantined."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.errors import MissingObject
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.postgres.connection import Connection
from shared.source.run import Health as ExtractHealth
from shared.status import sql
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class TableStatus:
    """`expected` rows as counted in the source at the last run, None when it was not; `there` in the warehouse.

    `freshness_s` is how far the table may lag behind the source, in seconds. `held` says which of its sources are not
    read, and why.
    """

    table: str
    last_run: int | None
    expected: int | None
    there: int
    behind: int
    waiting: int
    quarantined: int
    freshness_s: float | None
    held: str | None


@dataclass(frozen=True)
class Status:
    """`comparable` says that the warehouse stands at exactly the run whose rows were counted; `paused_since`, UTC, that
    a person has stopped the flow."""

    newest_run: int
    loaded_run: int
    comparable: bool
    paused_since: str | None
    tables: tuple[TableStatus, ...]

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)


class Warehouse:
    """What the warehouse says of itself, at one moment."""

    def __init__(self, connection: Connection, log_id: str, targets: Mapping[str, Target]) -> None:
        connection.run(sql.BEGIN)
        self.complete_run: int = connection.one(sql.COMPLETE_RUN, log=log_id)[0]
        self.last = {table: (run, at) for table, run, at in connection.run(sql.LAST_LOADED, log=log_id)}
        self.taken = {(run, table) for run, table in connection.run(sql.TAKEN, log=log_id, run=self.complete_run)}
        self.waiting: dict[str, int] = dict(map(tuple, connection.run(sql.WAITING)))
        self.quarantined: dict[str, int] = dict(map(tuple, connection.run(sql.QUARANTINED)))
        everything = list(targets.values())
        self.there = {t.name: connection.one(sql.rows_there(t, everything))[0] for t in everything}
        connection.run("COMMIT")


def status(
    run_log: RunLog, connection: Connection, targets: Mapping[str, Target], now: Callable[[], datetime]
) -> Status:
    """`now` gives UTC without a zone, like every snapshot's time; it is asked after everything was looked at."""
    newest = run_log.newest()
    warehouse = Warehouse(connection, newest.log if newest else "", targets)
    pending = [record for record in run_log.since(warehouse.complete_run) if newest and record.run <= newest.run]
    looked_at = _looked_at(run_log)
    tables = (_table(target, newest, warehouse, pending, looked_at, now()) for target in targets.values())
    newest_run = newest.run if newest else 0
    return Status(
        newest_run=newest_run,
        loaded_run=warehouse.complete_run,
        comparable=warehouse.complete_run == newest_run and all(run <= newest_run for run, _ in warehouse.taken),
        paused_since=paused_since(run_log.bucket),
        tables=tuple(tables),
    )


def _table(
    target: Target,
    newest: RunRecord | None,
    warehouse: Warehouse,
    pending: list[RunRecord],
    looked_at: datetime | None,
    now: datetime,
) -> TableStatus:
    run, snapshot_at = warehouse.last.get(target.name, (None, None))
    behind = sum(target.name in r.targets and (r.run, target.name) not in warehouse.taken for r in pending)
    held = _held(target, newest)
    seen = [at for at in (snapshot_at, None if behind or held or not run else looked_at) if at]
    return TableStatus(
        table=target.name,
        last_run=run,
        expected=_expected(target, newest),
        there=warehouse.there[target.name],
        behind=behind,
        waiting=warehouse.waiting.get(target.name, 0),
        quarantined=warehouse.quarantined.get(target.name, 0),
        freshness_s=round((now - max(seen)).total_seconds(), 1) if seen else None,
        held=held,
    )


def _held(target: Target, newest: RunRecord | None) -> str | None:
    holds = [newest.state(source).hold for source in target.sources] if newest else []
    return "; ".join(hold.reason for hold in holds if hold) or None


def _expected(target: Target, newest: RunRecord | None) -> int | None:
    """Counted for the asking; else the rows that the delete detector counted, at the same snapshot."""
    if newest is None:
        return None
    if newest.expected and target.name in newest.expected:
        return newest.expected[target.name]
    cursor = newest.state(target.sources[0]).cursor
    return cursor.count if cursor and target.row_by_row else None


def _looked_at(run_log: RunLog) -> datetime | None:
    """The snapshot of extract's last look: what is not behind is as fresh as that."""
    try:
        return msgspec.json.decode(run_log.bucket.get(keys.EXTRACT_HEALTH), type=ExtractHealth).snapshot_at
    except (MissingObject, msgspec.DecodeError):
        return None
