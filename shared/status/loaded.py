"""What is loaded, by the warehouse's own word: what the function expire asks before it removes anything."""

from collections.abc import Iterable
from typing import Any

from shared.errors import Refused
from shared.ledger.entries import CURRENT_LOG, LAST_LOADED
from shared.postgres.connection import Connection


def loaded(connection: Connection, tables: Iterable[str]) -> dict[str, Any]:
    """Return the current log, up to which run it is completely loaded, and each table's newest load. Raise Refused
    before the first."""
    found = connection.run(CURRENT_LOG)
    if not found:
        raise Refused("nothing was loaded yet")
    log, complete_run = found[0]
    last = connection.run(LAST_LOADED, log=log, tables=list(tables))
    return {"log": log, "complete_run": complete_run, "last_runs": {table: run for table, run, _ in last}}
