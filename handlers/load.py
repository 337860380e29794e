"""Load what is available into the warehouse. An S3 notification or a schedule's event says only when; an operator's
event is `{"do": "load"}`.
"""

import time
from typing import Any

from handlers.databases import open_with_kept_login
from handlers.invocation import Invocation, failure_logged, invocation
from shared import log
from shared.aws.functions import LambdaFunctions
from shared.load.load_pass import LoadDependencies, load_pass
from shared.load.memory import LoadMemory
from shared.load.session import WarehouseSession
from shared.warehouse.registry import TARGETS

MEMORY = LoadMemory()


def handler(event: dict[str, Any], context: Any) -> dict[str, object]:
    started = time.monotonic()
    with failure_logged("load failed"):
        facts = load(event, invocation(context))
    log.info("load done", **facts, seconds=round(time.monotonic() - started, 3), **log.started_by(event))
    return facts


def load(event: dict[str, Any], call: Invocation) -> dict[str, object]:
    settings = call.settings
    with open_with_kept_login("warehouse", settings["WAREHOUSE_SECRET"], call, event) as connection:
        outside = LoadDependencies(
            warehouse=WarehouseSession(connection, settings["WAREHOUSE_SCHEMA"]),
            ingestion=call.ingestion,
            processed=call.processed,
            functions=LambdaFunctions(),
            migrate=settings.names.function("migrate"),
            targets=TARGETS,
            time_left_s=call.time_left_s,
            grace_period_s=settings.grace_period_s,
        )
        return load_pass(outside, MEMORY).facts
