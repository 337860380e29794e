"""What became of a run in the warehouse, table by table, and what the last reconcile has found."""

from collections.abc import Iterable
from typing import Any

from shared.errors import Refused
from shared.lake.documents import RunRecord
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.ledger.entries import COUNTS, ENTRIES_OF_RUN, LAST_RECONCILE, LAST_RUN, NAMED_DIFFERENCES
from shared.postgres.connection import Connection

WAITS_FOR_MANIFEST, WAITS_FOR_LOADER = "waits_for_manifest", "waits_for_loader"


def run_facts(run: int, run_log: RunLog, manifests: Manifests, connection: Connection) -> dict[str, Any]:
    """Return what became of a run. A target's `state` is its ledger's status, or what it waits for. Raise Refused
    when there is no such run."""
    newest = run_log.newest_number()
    if not 1 <= run <= newest:
        raise Refused(f"run {run} is not in the run log, whose newest is run {newest}")
    record = run_log.get(run)
    loaded = {entry["table"]: entry for entry in _entries(connection, record.log, run)}
    made = manifests.tables_of(run) if loaded.keys() < set(record.targets) else set()
    return {
        "run": run,
        "cause": record.cause,
        "snapshot_at": str(record.snapshot.taken_at),
        "sources": _sources(record),
        "complete": loaded.keys() >= set(record.targets),
        "targets": [loaded.get(table) or _missing(table, made) for table in record.targets],
    }


def used_numbers(run_log: RunLog, manifests: Manifests, connection: Connection) -> dict[str, int]:
    """Return the highest number that buckets and warehouse show of any run: a new log begins behind it."""
    loaded = int(connection.one(LAST_RUN)[0])
    return {"used": manifests.last_run(after=max(loaded, run_log.last_number()))}


def last_reconcile(connection: Connection) -> dict[str, Any]:
    """Return the last reconcile of any log: the ledger outlives the bucket. Raise Refused when none was loaded yet."""
    found = connection.run(LAST_RECONCILE)
    if not found:
        raise Refused("no reconcile was loaded yet: run infra_bash/reconcile.sh")
    log, run, snapshot_at = found[0]
    targets = _entries(connection, log, run)
    return {"run": run, "cause": "reconcile", "snapshot_at": snapshot_at, "complete": True, "targets": targets}


def _entries(connection: Connection, log: str, run: int) -> list[dict[str, Any]]:
    names = _names(connection.run(NAMED_DIFFERENCES, log=log, run=run))
    columns = ("table", "state", *COUNTS, "seconds")
    entries = [dict(zip(columns, row, strict=True)) for row in connection.run(ENTRIES_OF_RUN, log=log, run=run)]
    return [entry | {"named": names.get(entry["table"], {})} for entry in entries]


def _names(rows: Iterable[list[str]]) -> dict[str, dict[str, list[str]]]:
    """Return the keys by table and by what was found."""
    named: dict[str, dict[str, list[str]]] = {}
    for table, found, key in rows:
        named.setdefault(table, {}).setdefault(found, []).append(key)
    return named


def _sources(record: RunRecord) -> list[dict[str, Any]]:
    return [
        {"table": name, "mode": state.batch.mode, "reason": state.batch.reason, "rows": state.batch.rows}
        for name, state in record.tables.items()
        if state.batch
    ]


def _missing(table: str, made: Iterable[str]) -> dict[str, Any]:
    return {"table": table, "state": WAITS_FOR_LOADER if table in made else WAITS_FOR_MANIFEST}
