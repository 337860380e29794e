"""What the warehouse says of itself, for status."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from shared.errors import TotestreamError
from shared.lake.documents import RunRecord
from shared.ledger import entries, quarantine, waiting
from shared.ledger.backlog import lacking
from shared.postgres.connection import Connection
from shared.status import sql
from shared.warehouse.registry import Target


class StatusQueries:
    """What the warehouse says of itself, at one moment."""

    def __init__(self, connection: Connection, log_id: str, targets: Mapping[str, Target]) -> None:
        connection.run(sql.BEGIN)
        everything = list(targets.values())
        self.complete_run: int = connection.one(entries.COMPLETE_RUN, log=log_id)[0]
        self.last = {
            table: (run, at) for table, run, at in connection.run(entries.LAST_LOADED, log=log_id, tables=[*targets])
        }
        self.applied = {
            (run, table) for run, table in connection.run(entries.APPLIED_AFTER, log=log_id, run=self.complete_run)
        }
        self.waiting: dict[str, int] = {table: rows for table, rows, *_ in connection.run(waiting.COUNT_WAITING)}
        self.quarantined: dict[str, int] = dict(map(tuple, connection.run(quarantine.COUNT_QUARANTINED)))
        self.there: dict[str, int] = {t.name: connection.one(sql.rows_there(t, everything))[0] for t in everything}
        self.rows_in_the_last_hour = int(connection.one(entries.ROWS_IN_THE_LAST_HOUR)[0])
        self.counted = {t.name: _counted(connection, t, everything, log_id) for t in everything if not t.row_by_row}
        connection.run("COMMIT")

    def stands_at(self, run: int) -> bool:
        """Return whether that run is completely loaded, and nothing of a later one."""
        return self.complete_run == run and all(applied <= run for applied, _ in self.applied)

    def behind(self, table: str, records: Sequence[RunRecord]) -> int:
        """Return how many of these runs the table still lacks."""
        return len(lacking(records, table, self.applied))


def _counted(connection: Connection, target: Target, targets: Iterable[Target], log_id: str) -> int | None:
    """Return the rows that the warehouse itself expects of a table that is not made row by row."""
    if target.kind == "calendar":
        return int(connection.one(sql.rows_named(target, targets))[0])
    found = connection.run(entries.LAST_ROWS, log=log_id, table=target.name)
    return int(found[0][0]) if found else None


def look_at_warehouse(
    connect: Callable[[], Connection], log_id: str, targets: Mapping[str, Target]
) -> tuple[StatusQueries | None, str | None]:
    """Return what the warehouse says, or why it does not answer: whoever looks then needs the rest most of all."""
    try:
        with connect() as connection:
            return StatusQueries(connection, log_id, targets), None
    except TotestreamError as error:
        return None, error.detail
