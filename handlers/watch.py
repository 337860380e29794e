"""Look after the road, on schedule. `{"do": "ask"}` only asks at once again for whatever is missing."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.clients import client
from shared.aws.metrics import CloudWatchMetrics
from shared.aws.queue import SqsQueue
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.load.memory import Memory
from shared.names import ALERTS, CHANGES
from shared.settings import Settings
from shared.warehouse.registry import TARGETS
from shared.watch import asking, watch
from shared.watch.measures import Depths
from shared.watch.queues import depths

MEMORY = Memory()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = Settings(os.environ)
    try:
        if event.get("do") == "ask":
            return ask(settings, patience_s=0, trusts_messages=False)
        return look(settings, log.started_by(event))
    except TotestreamError as error:
        log.failure("watch failed", error)
        raise


def look(settings: Settings, started_by: dict[str, str]) -> dict[str, Any]:
    """What can be done for the road is done first, and whatever becomes of that, the look is taken."""
    asked: dict[str, Any] = {}
    try:
        asked = ask(settings, settings.reask_after_s, trusts_messages=True)
    finally:
        health = watch.watch(watching(settings))
        names = [each.incident.name for each in health.incidents]
        log.info("watch looked", incidents=names, **health.metrics, **started_by)
    facts: dict[str, Any] = msgspec.to_builtins(health)
    return asked | facts


def ask(settings: Settings, patience_s: float, *, trusts_messages: bool) -> dict[str, Any]:
    """A message on its way is left to itself where it is trusted in."""
    names, sqs = settings.names, client("sqs")

    def depths_of(table: str) -> Depths:
        messages = SqsQueue(names.queue(table), sqs).count() if trusts_messages else 0
        return Depths(messages, SqsQueue(names.dead_letter_queue(table), sqs).count())

    asked = asking.ask_again(
        asking.Outside(
            run_log=RunLog(S3Bucket(names.bucket("ingestion"))),
            manifests=Manifests(S3Bucket(names.bucket("processed"))),
            topic=SnsTopic(names.topic_arn(CHANGES)),
            depths=depths_of,
            targets=TARGETS,
            now=lambda: datetime.now(UTC),
            patience=timedelta(seconds=patience_s),
            memory=MEMORY,
        )
    )
    facts: dict[str, Any] = msgspec.to_builtins(asked)
    log.info("watch asked", complete_run=asked.complete_run, missing=len(asked.missing), asked=len(asked.asked_again))
    return facts


def watching(settings: Settings) -> watch.Outside:
    names = settings.names
    return watch.Outside(
        run_log=RunLog(S3Bucket(names.bucket("ingestion"))),
        alerts=SnsTopic(names.topic_arn(ALERTS)),
        metrics=CloudWatchMetrics(names.prefix),
        depths=lambda: depths(names, TARGETS),
        targets=TARGETS,
        now=lambda: datetime.now(UTC),
        objective=timedelta(seconds=settings.freshness_objective_s),
        stack=names.prefix,
        region=names.region,
        # Only the emulator has an endpoint.
        options=" --local" if settings.get("AWS_ENDPOINT_URL") else "",
    )
