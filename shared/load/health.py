"""What a pass leaves for others to see: health/load.json. No source of truth."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from shared.ledger import entries, quarantine, waiting
from shared.load.damage import Damage
from shared.load.session import WarehouseSession


class Missing(msgspec.Struct, frozen=True):
    """The oldest run that a table should have and has not; its snapshot's time is UTC without a zone."""

    run: int
    since: datetime


class TableHealth(msgspec.Struct, frozen=True):
    """What load knows of one table. `last_run` is the newest that was loaded, read at `snapshot_at`. `waiting_since`
    is the snapshot of the oldest waiting row, and `waiting_for` the dimension that it, or a later one, lacks.
    `differing` rows were found and repaired by the table's last reconcile. `damage` is a change by hand that was not
    loaded again since. Times are UTC without a zone."""

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
    """What the last pass that held the lock left, at `at`, UTC with its zone.

    `seen_run` is how far the pass has checked: for the runs up to there `tables` knows what is missing. `loaded` counts
    ledger entries made; `waiting` says per table what it waits for, `refused` what a person must look at, by table.
    `stopped` is the error that ended the whole pass, by its code, and `reason` its message.
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
        (("last_run", "snapshot_at"), warehouse.run(entries.LAST_LOADED, log=log, tables=list(facts))),
        (("waiting", "waiting_since", "waiting_for"), warehouse.run(waiting.COUNT_WAITING)),
        (("quarantined",), warehouse.run(quarantine.COUNT_QUARANTINED)),
        (("differing",), warehouse.run(entries.DIFFERENCES, log=log)),
    ):
        for table, *values in rows:
            facts.setdefault(table, {}).update(zip(columns, values, strict=True))
    return {table: TableHealth(**found) for table, found in facts.items()}
