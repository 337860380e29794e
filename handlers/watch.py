"""Look after the road. `{}` on schedule; `{"do": "ask"}` asks at once again for whatever is missing."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.names import CHANGES
from shared.settings import Settings
from shared.warehouse.registry import TARGETS
from shared.watch.watch import Outside, watch


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        health = watch(outside(Settings(os.environ), at_once=event.get("do") == "ask"))
    except TotestreamError as error:
        log.failure("watch failed", error)
        raise
    facts: dict[str, Any] = msgspec.to_builtins(health)
    log.info("watch looked", complete_run=health.complete_run, missing=len(health.missing))
    return facts


def outside(settings: Settings, at_once: bool) -> Outside:
    """`at_once` neither waits nor trusts in a message on its way; dead letters are still left to a person."""
    names = settings.names

    def messages_at(table: str) -> int:
        queues = [names.dead_letter_queue(table)] + ([] if at_once else [names.queue(table)])
        return sum(SqsQueue(name).count() for name in queues)

    return Outside(
        run_log=RunLog(S3Bucket(names.bucket("ingestion"))),
        manifests=Manifests(S3Bucket(names.bucket("processed"))),
        topic=SnsTopic(names.topic_arn(CHANGES)),
        messages_at=messages_at,
        targets=TARGETS,
        now=lambda: datetime.now(UTC),
        patience=timedelta(seconds=0 if at_once else settings.reask_after_s),
    )
