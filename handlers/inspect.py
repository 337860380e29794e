"""Answer an operator's questions, with the loader's right to read: `{"do": "status"}`, `{"do": "why", …}`."""

import os
from datetime import UTC, datetime
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.secrets import get_login
from shared.errors import Refused, TotestreamError
from shared.lake.run_log import RunLog
from shared.lineage.lake import Lake
from shared.lineage.warehouse import Warehouse
from shared.lineage.why import why
from shared.postgres.connection import connect
from shared.settings import Settings
from shared.status.status import status
from shared.warehouse.registry import TARGETS


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return answer(event, Settings(os.environ), context)
    except TotestreamError as error:
        log.failure("question was not answered", error)
        raise


def answer(event: dict[str, Any], settings: Settings, context: Any) -> dict[str, Any]:
    if event.get("do") not in ("status", "why"):
        raise Refused(f"inspect can do status and why, not {event.get('do')!r}")
    ingestion, processed = (S3Bucket(settings.names.bucket(noun)) for noun in ("ingestion", "processed"))
    connection = connect(
        "warehouse",
        get_login(settings["WAREHOUSE_SECRET"]),
        ca=settings.get("DATABASE_CA"),
        plaintext=settings.plaintext,
        timeout_s=context.get_remaining_time_in_millis() / 1000,
        schema=settings["WAREHOUSE_SCHEMA"],
    )
    with connection:
        if event["do"] == "why":
            return why(event, TARGETS, Lake(ingestion, processed), Warehouse(connection))
        return status(RunLog(ingestion), connection, TARGETS, lambda: datetime.now(UTC).replace(tzinfo=None)).facts
