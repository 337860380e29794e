"""What a pass leaves for others to see: health/load.json. No source of truth."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from shared.load.damage import Damage
from shared.load.warehouse import WarehouseSession

# Of each table its newest entry, which the primary key leads to: the ledger grows for ever.
LAST_LOADED = """
SELECT asked.name, last.run, last.snapshot_at
FROM unnest(CAST(:tables AS text[])) AS asked (name)
CROSS JOIN LATERAL (
    SELECT run, snapshot_at FROM etl_ledger
    WHERE log_id = :log AND table_name = asked.name AND status = 'loaded' ORDER BY run DESC LIMIT 1) last
"""
WAITING = """
SELECT table_name, count(*), min(snapshot_at),
       (array_agg(dimension ORDER BY snapshot_at) FILTER (WHERE dimension IS NOT NULL))[1]
FROM etl_waiting GROUP BY table_name
"""
QUARANTINED = "SELECT table_name, count(DISTINCT key) FROM etl_quarantine WHERE closed_at IS NULL GROUP BY table_name"
# What was deleted from the source is no damage in the warehouse.
DIFFERENCES = """
SELECT table_name, inserted + updated FROM etl_ledger
WHERE log_id = :log AND cause = 'reconcile' AND inserted + updated > 0 AND run = (
    SELECT max(run) FROM etl_ledger AS later
    WHERE later.log_id = :log AND later.cause = 'reconcile' AND later.table_name = etl_ledger.table_name)
"""


class Missing(msgspec.Struct, frozen=True):
    """The oldest run that a table should have and has not; its snapshot's time is UTC without a zone."""

    run: int
    since: datetime


class TableHealth(msgspec.Struct, frozen=True):
    """`last_run` is the newest that was loaded, read at `snapshot_at`. `waiting_since` is the snapshot of the oldest
    row that waits, and `waiting_for` the dimension that it, or one after it, lacks. `differing` rows were found by the
    table's last reconcile, and mended. `damage` is what was changed by hand, and not loaded again since. Times are UTC
    without a zone.
    """

    last_run: int | None = None
    snapshot_at: datetime | None = None
    missing: Missing | None = None
    waiting: int = 0
    waiting_since: datetime | None = None
    waiting_for: str | None = None
    quarantined: int = 0
    differing: int = 0
    damage: Damage | None = None


class LoadHealth(msgspec.Struct, frozen=True):
    """Of the last pass that held the lock, at `at`, UTC with its zone.

    `seen_run` is how far the pass has looked: of the runs up to there `tables` knows what is missing. `loaded` counts
    ledger entries made; `waiting` says per table what it waits for, `refused` what a person must look at, by table.
    `stopped` is the error that ended the whole pass, by its class, and `reason` what it said.
    """

    at: datetime
    log: str
    newest_run: int
    complete_run: int
    loaded: int
    waiting: dict[str, str]
    refused: dict[str, str]
    tables: dict[str, TableHealth] = {}
    seen_run: int = 0
    stopped: str = ""
    reason: str = ""


def table_health(warehouse: WarehouseSession, log: str, tables: Iterable[str]) -> dict[str, TableHealth]:
    facts: dict[str, dict[str, Any]] = {table: {} for table in tables}
    for columns, rows in (
        (("last_run", "snapshot_at"), warehouse.run(LAST_LOADED, log=log, tables=list(facts))),
        (("waiting", "waiting_since", "waiting_for"), warehouse.run(WAITING)),
        (("quarantined",), warehouse.run(QUARANTINED)),
        (("differing",), warehouse.run(DIFFERENCES, log=log)),
    ):
        for table, *values in rows:
            facts.setdefault(table, {}).update(zip(columns, values, strict=True))
    return {table: TableHealth(**found) for table, found in facts.items()}
