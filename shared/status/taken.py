"""Which runs of a table its warehouse is done with."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import Refused, TotestreamError
from shared.ledger.entries import STATUS_OF_RUNS
from shared.postgres.connection import Connection


def taken(event: Mapping[str, Any], connect: Callable[[], Connection]) -> dict[str, Any]:
    """Return which of the runs the ledger has.

    `taken` has (run, status) of each; `no_answer` says why the warehouse could not be asked. Raise Refused when the
    event is not understood.
    """
    match event:
        case {"table": str(table), "log": str(log), "runs": [*runs]} if all(type(run) is int for run in runs):
            pass
        case _:
            raise Refused(f"inspect does not understand {event}")
    try:
        with connect() as connection:
            found = connection.run(STATUS_OF_RUNS, log=log, table=table, runs=runs)
    except TotestreamError as error:
        return {"taken": [], "no_answer": str(error)}
    return {"taken": [list(row) for row in found], "no_answer": ""}
