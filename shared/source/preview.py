"""What a run would read, and how the sources differ from the catalogue. Nothing is changed: no lock that an extract
needs, no object, no message.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from shared.catalogue import TABLES, SourceTable
from shared.lake.documents import Batch, RunRecord, Snapshot
from shared.source.extract import find_start, read_records
from shared.source.readers.base import TableChanges, TableView
from shared.source.reading import ReaderFailed, Reading, begin_reading, opened_sessions
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies, ExtractRun


class CountingRun(ExtractRun):
    """A run that counts the rows it would read."""

    def read_batch(self, table: SourceTable, changes: TableChanges, reason: str | None) -> Batch:
        return self.batch(table, reason, self.count_changed(table, changes), ())


def preview(request: ExtractRequest, dependencies: ExtractDependencies) -> dict[str, Any]:
    """Return what a run would read.

    `runs`, which may be none, have the numbers that they would have now; `snapshot_at` is by the source's clock, UTC;
    `postponed` are the tables that could not be read now and need no person, and why.
    """
    newest, used = find_start(request, dependencies)
    with _reading(dependencies) as reading:
        records, _ = read_records(request, dependencies, reading, newest, used, CountingRun)
        reading.end()
    return {
        "snapshot_at": _text(reading.snapshot),
        "runs": [_run(record) for record in records],
        "postponed": reading.postponed,
    }


@contextmanager
def _reading(dependencies: ExtractDependencies) -> Iterator[Reading]:
    try:
        with ExitStack() as exits:
            yield begin_reading(opened_sessions(dependencies.readers, (), exits), dependencies.time_left_s())
    except ReaderFailed as failure:
        raise failure.error from failure.error.__cause__


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


def compare(dependencies: ExtractDependencies, described: str = "") -> dict[str, Any]:
    """Return the catalogue beside the sources, table by table; `problem` is what holds a table, null when nothing does.

    `unasked` is why a source cannot show that what was read survives its crash; null where it can. With the name of a
    table in `described`, which the catalogue may not have, also what a declaration of it needs.
    """
    newest = dependencies.run_log.newest()
    with _reading(dependencies) as reading:
        description = _description(described, reading) if described else {}
        reading.end()
        return description | {
            "snapshot_at": _text(reading.snapshot),
            "unasked": reading.durability_problem,
            "tables": [_table(table, reading.view(table), newest) for table in TABLES.values()],
        }


def _description(name: str, reading: Reading) -> dict[str, Any]:
    """Return the first source's description of the table, null when no source has it, and the names of all tables that
    the catalogue does not have."""
    sessions = list(reading.sessions.values())
    found = next((each for session in sessions if (each := session.describe(name))), None)
    return {
        "described": {"table": name, **found._asdict()} if found else None,
        "undeclared": [each for session in sessions for each in session.undeclared_tables()],
    }


def _table(table: SourceTable, view: TableView, newest: RunRecord | None) -> dict[str, Any]:
    hold = newest.state(table.name).hold if newest else None
    return {
        "table": table.name,
        "reference": table.reference,
        "fingerprint": table.fingerprint,
        "problem": view.difference or (view.error.reason if view.error else None),
        "held_since_run": hold.since_run if hold else None,
        "held": hold.reason if hold else None,
        "columns": _columns(table, view),
    }


def _columns(table: SourceTable, view: TableView) -> list[dict[str, Any]]:
    """Return the catalogue's columns in its order, then those that it does not have (`kind` is null)."""
    declared = [
        {
            "name": column.name,
            "kind": str(column.kind),
            "nullable": column.nullable,
            "live": view.columns.get(column.name),
        }
        for column in table.columns
    ]
    others = [
        {"name": name, "kind": None, "nullable": None, "live": view.columns[name]} for name in view.undeclared(table)
    ]
    return declared + others


def _text(snapshot: Snapshot) -> str:
    return snapshot.taken_at.isoformat(" ", "seconds")
