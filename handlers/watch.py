"""Look after the road, on schedule. `{"do": "ask"}` only asks at once again for whatever is missing."""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.metrics import CloudWatchMetrics
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.names import ALERTS, CHANGES, Names
from shared.settings import Settings
from shared.warehouse.registry import TARGETS
from shared.watch import asking, watch
from shared.watch.lake import LakeState, WatchMemory, read_lake
from shared.watch.measures import Depths
from shared.watch.queues import QueueDepths

MEMORY = WatchMemory()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = Settings(os.environ)
    try:
        run_log = RunLog(S3Bucket(settings.names.bucket("ingestion")))
        lake = read_lake(run_log, MEMORY, lambda: datetime.now(UTC))
        if event.get("do") == "ask":
            return ask(settings, run_log, lake, patience_s=0, trusts_messages=False)
        return look(settings, run_log, lake, log.started_by(event))
    except TotestreamError as error:
        log.failure("watch failed", error)
        raise


def look(settings: Settings, run_log: RunLog, lake: LakeState, started_by: dict[str, str]) -> dict[str, Any]:
    """What can be done for the road is done first, and whatever becomes of that, the look is taken."""
    asked: dict[str, Any] = {}
    try:
        asked = ask(settings, run_log, lake, settings.reask_after_s, trusts_messages=True)
    finally:
        health = watch.watch(watching(settings, run_log), lake, MEMORY)
        names = [each.incident.name for each in health.incidents]
        log.info("watch looked", incidents=names, **health.metrics, **started_by)
    facts: dict[str, Any] = msgspec.to_builtins(health)
    return asked | facts


def ask(
    settings: Settings, run_log: RunLog, lake: LakeState, patience_s: float, *, trusts_messages: bool
) -> dict[str, Any]:
    """A message on its way is left to itself where it is trusted in."""
    names, known = settings.names, queues(settings.names)

    def depths_of(table: str) -> Depths:
        messages = known.queue(names.queue(table)).count() if trusts_messages else 0
        return Depths(messages, known.queue(names.dead_letter_queue(table)).count())

    asked = asking.ask_again(
        asking.RepublishDependencies(
            run_log=run_log,
            manifests=Manifests(S3Bucket(names.bucket("processed"))),
            topic=SnsChangeTopic(SnsTopic(names.topic_arn(CHANGES))),
            depths=depths_of,
            targets=TARGETS,
            patience=timedelta(seconds=patience_s),
        ),
        lake,
        MEMORY,
    )
    facts: dict[str, Any] = msgspec.to_builtins(asked)
    log.info("watch asked", complete_run=asked.complete_run, missing=len(asked.missing), asked=len(asked.asked_again))
    return facts


def watching(settings: Settings, run_log: RunLog) -> watch.WatchDependencies:
    names, known = settings.names, queues(settings.names)
    return watch.WatchDependencies(
        run_log=run_log,
        alerts=SnsTopic(names.topic_arn(ALERTS)),
        metrics=CloudWatchMetrics(names.prefix),
        dead_letters=known.dead_letters,
        messages=known.messages,
        targets=TARGETS,
        objective=timedelta(seconds=settings.freshness_objective_s),
        stack=names.prefix,
        region=names.region,
        # Only the emulator has an endpoint.
        options=" --local" if settings.get("AWS_ENDPOINT_URL") else "",
    )


@cache
def queues(names: Names) -> QueueDepths:
    """Made once per container: SQS is asked once where each queue is."""
    return QueueDepths(names)
