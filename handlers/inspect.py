"""Answer an operator's questions, with the loader's right to read: `{"do": "status"}`, `{"do": "run", "run": 42}`,
`{"do": "reconciled"}`, `{"do": "quarantined", "table": "payment"}`.
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
from shared.postgres.connection import connect
from shared.settings import Settings
from shared.status.quarantined import quarantined
from shared.status.runs import last_reconcile, run_facts
from shared.status.status import status
from shared.warehouse.registry import TARGETS


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return answer(event, Settings(os.environ), context)
    except TotestreamError as error:
        log.failure("question was not answered", error)
        raise


def answer(event: dict[str, Any], settings: Settings, context: Any) -> dict[str, Any]:
    connection = connect(
        "warehouse",
        get_login(settings["WAREHOUSE_SECRET"]),
        ca=settings.get("DATABASE_CA"),
        plaintext=settings.plaintext,
        timeout_s=context.get_remaining_time_in_millis() / 1000,
        schema=settings["WAREHOUSE_SCHEMA"],
    )
    with connection:
        run_log = RunLog(S3Bucket(settings.names.bucket("ingestion")))
        match event:
            case {"do": "status"}:
                return status(run_log, connection, TARGETS, lambda: datetime.now(UTC).replace(tzinfo=None)).facts
            case {"do": "run", "run": int(run)}:
                manifests = Manifests(S3Bucket(settings.names.bucket("processed")))
                return run_facts(run, run_log, manifests, connection)
            case {"do": "reconciled"}:
                return last_reconcile(connection)
            case {"do": "quarantined", "table": str(table)}:
                return quarantined(table, connection, TARGETS)
            case _:
                raise Refused(f"inspect can do status, run, reconciled and quarantined, not {event}")
