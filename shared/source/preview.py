"""What a run would read, and how the source looks beside the catalogue. Nothing is moved: no lock that an extract
wants, no object, no message.
"""

from collections.abc import Mapping
from typing import Any

from shared.catalogue import TABLES, SourceTable
from shared.lake.documents import Batch, Cursor, RunRecord, Snapshot
from shared.source.changes import difference, undeclared
from shared.source.database import Source
from shared.source.extract import read_records, where_to_go_on
from shared.source.live import Live
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies, ExtractRun, Reading, begin_reading


class CountingRun(ExtractRun):
    """A run that counts the rows it would read."""

    def read_batch(self, table: SourceTable, since: Cursor | None, reason: str | None) -> tuple[Batch, set[int]]:
        rows = self._source.count_changed(table, self.moment.snapshot, since, self.asked_for(table))
        return self.batch(table, reason, rows, ()), set()


def preview(request: ExtractRequest, outside: ExtractDependencies) -> dict[str, Any]:
    """`runs`, which may be none, as they would be numbered now; `snapshot_at` is the source's clock, UTC; `postponed`
    the tables that could not be read now and need nobody to look, and why.
    """
    newest, used = where_to_go_on(request, outside)
    with outside.open_source() as connection:
        source = Source(connection)
        reading = begin_reading(source, outside.time_left_s())
        records, _ = read_records(request, outside, reading, newest, used, CountingRun)
        source.end()
    return {
        "snapshot_at": _text(reading.moment.snapshot),
        "runs": [_run(record) for record in records],
        "postponed": reading.postponed,
    }


def _run(record: RunRecord) -> dict[str, Any]:
    batches = {name: state.batch for name, state in record.tables.items() if state.batch}
    return {
        "run": record.run,
        "cause": record.cause,
        "tables": [
            {"table": name, "mode": batch.mode, "reason": batch.reason, "rows": batch.rows}
            for name, batch in batches.items()
        ],
        "held": {name: state.hold.reason for name, state in record.tables.items() if state.hold},
        "targets": list(record.targets),
    }


def compare(outside: ExtractDependencies) -> dict[str, Any]:
    """The catalogue beside the live schema, table by table; `problem` is what holds a table, null when nothing does.

    `unasked` is why the server's WAL cannot be asked; null where it can, or on a standby.
    """
    newest = outside.run_log.newest()
    with outside.open_source() as connection:
        source = Source(connection)
        reading = begin_reading(source, outside.time_left_s())
        source.end()
    return {
        "snapshot_at": _text(reading.moment.snapshot),
        "unasked": reading.moment.unasked,
        "tables": [_table(table, reading, newest) for table in TABLES.values()],
    }


def _table(table: SourceTable, reading: Reading, newest: RunRecord | None) -> dict[str, Any]:
    live = reading.live.get(table.name)
    unlocked = reading.unlocked.get(table.name)
    hold = newest.state(table.name).hold if newest else None
    return {
        "table": table.name,
        "reference": table.reference,
        "fingerprint": table.fingerprint,
        "problem": difference(table, live) or (unlocked.reason if unlocked else None),
        "held_since_run": hold.since_run if hold else None,
        "held": hold.reason if hold else None,
        "columns": _columns(table, live),
    }


def _columns(table: SourceTable, live: Live | None) -> list[dict[str, Any]]:
    """Those agreed on, in the catalogue's order, then those that it does not know (`kind` is null)."""
    types: Mapping[str, str] = dict(live.columns) if live else {}
    agreed = [
        {"name": column.name, "kind": column.kind, "nullable": column.nullable, "live": types.get(column.name)}
        for column in table.columns
    ]
    others = [
        {"name": name, "kind": None, "nullable": None, "live": types[name]}
        for name in (undeclared(table, live) if live else ())
    ]
    return agreed + others


def _text(snapshot: Snapshot) -> str:
    return snapshot.taken_at.isoformat(" ", "seconds")
