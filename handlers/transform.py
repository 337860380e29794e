"""Change messages of one warehouse table (TARGET), delivered by its queue; and, asked by a person, runs once more:
`{"do": "replay", "from": 3, "to": 5}`, likewise verify, and `{"do": "judge", "runs": [3, 5]}`.
"""

import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.errors import BadSetting, TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.settings import Settings
from shared.transform.sqs_consumer import Deliveries, delivery_from
from shared.transform.replay import Replays
from shared.transform.request import request_from_event
from shared.warehouse.registry import TARGETS, Target


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Which messages failed; the others are done with. Raises nothing, but to a person."""

    def time_left_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if "do" in event:
        return _asked(event, time_left_s)
    received = [delivery_from(record) for record in event.get("Records", ())]
    try:
        stage = deliveries()
    except TotestreamError as error:
        log.error("transform could not start", error=error.code, reason=str(error))
        return _failed([delivery.id for delivery in received])
    return _failed(stage.take(received, time_left_s))


def _asked(event: dict[str, Any], time_left_s: Callable[[], float]) -> dict[str, Any]:
    try:
        facts = replays().answer(request_from_event(event), time_left_s)
    except TotestreamError as error:
        log.failure("runs were not taken again", error)
        raise
    log.info("runs were taken again", do=event["do"], table=facts["table"], runs=len(facts["taken"]))
    return facts


@cache
def deliveries() -> Deliveries:
    """Made once per container: clients keep their connections."""
    names, stage = Settings(os.environ).names, replays()
    table = stage.target.name
    queue, dead_letters = SqsQueue(names.queue(table)), SqsQueue(names.dead_letter_queue(table))
    return Deliveries(stage.target, stage.transform, queue, dead_letters, time.monotonic)


def replays() -> Replays:
    settings = Settings(os.environ)
    names, target = settings.names, _target(settings["TARGET"])
    ingestion, processed = S3Bucket(names.bucket("ingestion")), S3Bucket(names.bucket("processed"))
    return Replays(target, RunLog(ingestion), ingestion, processed, Manifests(processed), settings.code)


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise BadSetting("setting TARGET", f"is {name}, which is no warehouse table", "run deploy.sh")
    return TARGETS[name]


def _failed(ids: list[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in ids]}
