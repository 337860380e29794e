"""Change messages of one warehouse table (TARGET), delivered by its queue."""

import os
import time
from functools import cache, partial
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.errors import BadSetting, TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.settings import Settings
from shared.transform.deliveries import Deliveries, delivery_from
from shared.transform.run import transform_run
from shared.warehouse.registry import TARGETS, Target


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Which messages failed; the others are done with. Raises nothing."""
    received = [delivery_from(record) for record in event.get("Records", ())]
    try:
        stage = deliveries()
    except TotestreamError as error:
        log.error("transform could not start", error=type(error).__name__, reason=str(error))
        return _failed([delivery.id for delivery in received])
    return _failed(stage.take(received, lambda: context.get_remaining_time_in_millis() / 1000))


@cache
def deliveries() -> Deliveries:
    """Made once per container: clients keep their connections."""
    settings = Settings(os.environ)
    names, target = settings.names, _target(settings["TARGET"])
    ingestion, processed = S3Bucket(names.bucket("ingestion")), S3Bucket(names.bucket("processed"))
    transform = partial(
        transform_run,
        target,
        run_log=RunLog(ingestion),
        ingestion=ingestion,
        processed=processed,
        manifests=Manifests(processed),
        code=settings.code,
    )
    queue, dead_letters = SqsQueue(names.queue(target.name)), SqsQueue(names.dead_letter_queue(target.name))
    return Deliveries(target, transform, queue, dead_letters, time.monotonic)


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise BadSetting("setting TARGET", f"is {name}, which is no warehouse table", "run deploy.sh")
    return TARGETS[name]


def _failed(ids: list[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in ids]}
