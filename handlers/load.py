"""Load what is there into the warehouse. Whatever the event says, an S3 notification or the schedule's: it rings. A
person's is `{"do": "load"}`.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.functions import LambdaFunctions
from shared.aws.logins import Logins
from shared.errors import TotestreamError
from shared.load.loader import LoadDependencies, load_pass
from shared.load.memory import LoadMemory
from shared.load.warehouse import WarehouseSession
from shared.postgres.connection import connect
from shared.settings import Settings
from shared.warehouse.registry import TARGETS

LOGINS, MEMORY = Logins(), LoadMemory()


def handler(event: dict[str, Any], context: Any) -> dict[str, object]:
    started = time.monotonic()
    try:
        facts = load(event, Settings(os.environ), lambda: float(context.get_remaining_time_in_millis()) / 1000)
    except TotestreamError as error:
        log.failure("load failed", error)
        raise
    log.info("load done", **facts, seconds=round(time.monotonic() - started, 3), **log.started_by(event))
    return facts


def load(event: dict[str, Any], settings: Settings, time_left_s: Callable[[], float]) -> dict[str, object]:
    ca, plaintext = settings.get("DATABASE_CA"), settings.plaintext
    with LOGINS.connect(
        settings["WAREHOUSE_SECRET"],
        lambda login: connect("warehouse", login, ca=ca, plaintext=plaintext, timeout_s=time_left_s()),
        # Who asks may just have changed the secret, and wants to see what becomes of it.
        anew="do" in event,
    ) as connection:
        names = settings.names
        outside = LoadDependencies(
            warehouse=WarehouseSession(connection, settings["WAREHOUSE_SCHEMA"]),
            ingestion=S3Bucket(names.bucket("ingestion")),
            processed=S3Bucket(names.bucket("processed")),
            functions=LambdaFunctions(),
            migrate=names.function("migrate"),
            targets=TARGETS,
            time_left_s=time_left_s,
            patience_s=settings.patience_s,
        )
        return load_pass(outside, MEMORY).facts
