"""Transform runs of one warehouse table (TARGET): from change messages of its queue or, for an operator, from
`{"do": "replay", "from": 3, "to": 5}`, likewise verify, and `{"do": "check", "runs": [3, 5]}`.
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
from shared.transform.replay import Replay
from shared.transform.request import request_from_event
from shared.transform.sqs_consumer import SqsConsumer, message_from
from shared.warehouse.registry import TARGETS, Target


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return which messages failed. Raises only when an operator's request fails."""

    def time_left_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    if "do" in event:
        return _replayed(event, time_left_s)
    received = [message_from(record) for record in event.get("Records", ())]
    try:
        messages = consumer()
    except TotestreamError as error:
        log.error("transform could not start", error=error.code, reason=str(error))
        return _failed([message.id for message in received])
    return _failed(messages.consume(received, time_left_s))


def _replayed(event: dict[str, Any], time_left_s: Callable[[], float]) -> dict[str, Any]:
    try:
        facts = replay().answer(request_from_event(event), time_left_s)
    except TotestreamError as error:
        log.failure("runs were not replayed", error)
        raise
    log.info("runs were replayed", do=event["do"], table=facts["table"], runs=len(facts["results"]))
    return facts


@cache
def consumer() -> SqsConsumer:
    """Return the consumer, made once per container: clients keep their connections."""
    names, stage = Settings(os.environ).names, replay()
    table = stage.target.name
    queue, dead_letters = SqsQueue(names.queue(table)), SqsQueue(names.dead_letter_queue(table))
    return SqsConsumer(stage.target, stage.transform, queue, dead_letters, time.monotonic)


def replay() -> Replay:
    settings = Settings(os.environ)
    names, target = settings.names, _target(settings["TARGET"])
    ingestion, processed = S3Bucket(names.bucket("ingestion")), S3Bucket(names.bucket("processed"))
    return Replay(target, RunLog(ingestion), ingestion, processed, Manifests(processed), settings.code)


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise BadSetting("setting TARGET", f"is {name}, which is no warehouse table", "run deploy.sh")
    return TARGETS[name]


def _failed(ids: list[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in ids]}
