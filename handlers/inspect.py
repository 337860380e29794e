"""Answer an operator's questions, with the reader's login: `{"do": "status"}`, `{"do": "why", …}`,
`{"do": "run", "run": 42}`, `{"do": "reconciled"}`, `{"do": "quarantined", "table": "payment"}`,
`{"do": "freshness", "hours": 24}`, `{"do": "used"}`, `{"do": "taken", "table": "dim_staff", "log": "…", "runs": [3]}`,
`{"do": "loaded"}`.
"""

import os
from datetime import UTC, datetime
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.secrets import get_login
from shared.errors import Refused, TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.lineage.lake import LineageLake
from shared.lineage.warehouse import LineageQueries
from shared.lineage.why import why
from shared.postgres.connection import Connection, connect
from shared.settings import Settings
from shared.status.freshness import freshness
from shared.status.loaded import loaded
from shared.status.quarantined import quarantined
from shared.status.runs import last_reconcile, run_facts, used_numbers
from shared.status.status import status
from shared.status.taken import taken
from shared.warehouse.registry import TARGETS
from shared.watch.queues import QueueDepths

QUESTIONS = ("status", "why", "run", "reconciled", "quarantined", "freshness", "used", "taken", "loaded")
# For what status says of the rest when the warehouse falls silent.
KEPT_S = 10


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return answer(event, Settings(os.environ), context)
    except TotestreamError as error:
        log.failure("question was not answered", error)
        raise


def answer(event: dict[str, Any], settings: Settings, context: Any) -> dict[str, Any]:
    if event.get("do") not in QUESTIONS:
        raise Refused(f"inspect can do {', '.join(QUESTIONS)}, not {event.get('do')!r}")
    ingestion, processed = (S3Bucket(settings.names.bucket(noun)) for noun in ("ingestion", "processed"))

    def warehouse() -> Connection:
        return connect(
            "warehouse",
            get_login(settings["WAREHOUSE_READER_SECRET"]),
            ca=settings.get("DATABASE_CA"),
            plaintext=settings.plaintext,
            timeout_s=context.get_remaining_time_in_millis() / 1000 - KEPT_S,
            schema=settings["WAREHOUSE_SCHEMA"],
            read_only=True,
        )

    if event == {"do": "status"}:
        now = lambda: datetime.now(UTC).replace(tzinfo=None)  # noqa: E731 - asked when all was looked at
        queues = lambda: QueueDepths(settings.names).depths(TARGETS)  # noqa: E731 - asked when the warehouse was
        return status(RunLog(ingestion), warehouse, TARGETS, queues, now, Manifests(processed)).facts
    if event["do"] == "taken":
        return taken(event, warehouse)
    with warehouse() as connection:
        match event:
            case {"do": "why"}:
                return why(event, TARGETS, LineageLake(ingestion, processed), LineageQueries(connection))
            case {"do": "run", "run": int(run)}:
                return run_facts(run, RunLog(ingestion), Manifests(processed), connection)
            case {"do": "used"}:
                return used_numbers(RunLog(ingestion), Manifests(processed), connection)
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
