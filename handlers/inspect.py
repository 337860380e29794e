"""Answer an operator's questions, with the reader's login: `{"do": "status"}`, `{"do": "why", …}`,
`{"do": "run", "run": 42}`, `{"do": "reconciled"}`, `{"do": "quarantined", "table": "payment"}`,
`{"do": "freshness", "hours": 24}`, `{"do": "used"}`, `{"do": "taken", "table": "dim_staff", "log": "…", "runs": [3]}`,
`{"do": "loaded"}`.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import ValidationError, convert

from handlers.databases import open_database
from handlers.invocation import Invocation, failure_logged, invocation, utc_now
from shared.alerts.reach import Reach
from shared.aws.functions import LambdaFunctions
from shared.aws.secrets import get_login
from shared.errors import Refused, TotestreamError
from shared.lineage.lake import LineageLake
from shared.lineage.warehouse import LineageQueries
from shared.lineage.why import why
from shared.names import Names
from shared.postgres.connection import Connection
from shared.status.freshness import freshness
from shared.status.loaded import loaded
from shared.status.quarantined import quarantined
from shared.status.runs import last_reconcile, run_facts, used_numbers
from shared.status.status import status
from shared.status.taken import taken
from shared.warehouse.registry import TARGETS
from shared.watch.queues import QueueDepths

QUESTIONS = ("status", "why", "run", "reconciled", "quarantined", "freshness", "used", "taken", "loaded")
# status still reports everything else after the warehouse has not answered; that takes so long at most.
RESERVE_S = 10


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    with failure_logged("question was not answered"):
        return answer(event, invocation(context))


def alerts_reach(names: Names) -> Reach:
    """Ask the function alert where a message would go."""
    try:
        return convert(LambdaFunctions().ask(names.function("alert"), {"do": "check"}), Reach)
    except TotestreamError as error:
        return Reach("nobody", error.detail)
    except ValidationError:
        return Reach("nobody", "the function alert is of another version; deploy again")


def answer(event: dict[str, Any], call: Invocation) -> dict[str, Any]:
    if event.get("do") not in QUESTIONS:
        raise Refused(
            f"inspect can do {', '.join(QUESTIONS)}, not {event.get('do')!r}; deploy again if this script is newer"
        )
    settings, run_log, manifests = call.settings, call.run_log, call.manifests

    def warehouse() -> Connection:
        login, schema = get_login(settings["WAREHOUSE_READER_SECRET"]), settings["WAREHOUSE_SCHEMA"]
        return open_database("warehouse", login, call, reserve_s=RESERVE_S, schema=schema, read_only=True)

    if event == {"do": "status"}:
        # Both are called late: the clock after everything was read, the queues after the warehouse.
        now = lambda: utc_now().replace(tzinfo=None)  # noqa: E731
        queues = lambda: QueueDepths(settings.names).depths(TARGETS)  # noqa: E731
        with ThreadPoolExecutor(1) as alongside:
            alerts = alongside.submit(alerts_reach, settings.names)
            return status(run_log, warehouse, TARGETS, queues, now, manifests, alerts.result).facts
    if event["do"] == "taken":
        return taken(event, warehouse)
    with warehouse() as connection:
        match event:
            case {"do": "why"}:
                return why(event, TARGETS, LineageLake(call.ingestion, call.processed), LineageQueries(connection))
            case {"do": "run", "run": int(run)}:
                return run_facts(run, run_log, manifests, connection)
            case {"do": "used"}:
                return used_numbers(run_log, manifests, connection)
            case {"do": "loaded"}:
                return loaded(connection, TARGETS)
            case {"do": "reconciled"}:
                return last_reconcile(connection)
            case {"do": "quarantined", "table": str(table)}:
                return quarantined(table, connection, TARGETS)
            case {"do": "freshness", "hours": int(hours)}:
                return freshness(hours, connection)
            case _:
                raise Refused(f"inspect does not understand {event}")
