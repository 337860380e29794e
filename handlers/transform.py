"""Transform runs of one warehouse table (TARGET): from change messages of its queue or, for an operator, from
`{"do": "replay", "from": 3, "to": 5}`, likewise verify, and `{"do": "check", "runs": [3, 5]}`.
"""

import time
from functools import cache
from typing import Any

from handlers.invocation import Invocation, failure_logged, invocation
from shared import log
from shared.aws.queue import SqsQueue
from shared.errors import BadSetting, TotestreamError
from shared.transform.replay import Replay
from shared.transform.request import request_from_event
from shared.transform.sqs_consumer import SqsConsumer, message_from
from shared.warehouse.registry import TARGETS, Target


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return which messages failed. Raises only when an operator's request fails."""
    call = invocation(context)
    if "do" in event:
        return _replayed(event, call)
    received = [message_from(record) for record in event.get("Records", ())]
    try:
        messages = consumer()
    except TotestreamError as error:
        log.error("transform could not start", error=error.code, reason=str(error))
        return _failed([message.id for message in received])
    return _failed(messages.consume(received, call.time_left_s))


def _replayed(event: dict[str, Any], call: Invocation) -> dict[str, Any]:
    with failure_logged("runs were not replayed"):
        facts = replay(call).answer(request_from_event(event), call.time_left_s)
    log.info("runs were replayed", do=event["do"], table=facts["table"], runs=len(facts["results"]))
    return facts


@cache
def consumer() -> SqsConsumer:
    """Return the consumer, made once per container: clients keep their connections."""
    # It serves every call, so it takes the time left from none.
    call = invocation(None)
    names, stage = call.settings.names, replay(call)
    table = stage.target.name
    queue, dead_letters = SqsQueue(names.queue(table)), SqsQueue(names.dead_letter_queue(table))
    return SqsConsumer(stage.target, stage.transform, queue, dead_letters, time.monotonic)


def replay(call: Invocation) -> Replay:
    target = _target(call.settings["TARGET"])
    return Replay(target, call.run_log, call.ingestion, call.processed, call.manifests, call.settings.code)


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise BadSetting("setting TARGET", f"is {name}, which is no warehouse table", "run deploy.sh")
    return TARGETS[name]


def _failed(ids: list[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message} for message in ids]}
