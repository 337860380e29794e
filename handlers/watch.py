"""Check the stack on schedule. `{"do": "republish"}` only republishes the messages of all missing manifests, at
once."""

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
from shared.watch import republish, watch
from shared.watch.lake import LakeState, WatchMemory, read_lake
from shared.watch.observation import Depths
from shared.watch.queues import QueueDepths

MEMORY = WatchMemory()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = Settings(os.environ)
    try:
        run_log = RunLog(S3Bucket(settings.names.bucket("ingestion")))
        lake = read_lake(run_log, MEMORY, lambda: datetime.now(UTC))
        if event.get("do") == "republish":
            return republish_missing(settings, run_log, lake, grace_period_s=0, trusts_messages=False)
        return check(settings, run_log, lake, log.started_by(event))
    except TotestreamError as error:
        log.failure("watch failed", error)
        raise


def check(settings: Settings, run_log: RunLog, lake: LakeState, started_by: dict[str, str]) -> dict[str, Any]:
    """Publish lost messages first, which may remove a cause of incidents; then check, also when that failed."""
    republished: dict[str, Any] = {}
    try:
        republished = republish_missing(settings, run_log, lake, settings.reask_after_s, trusts_messages=True)
    finally:
        health = watch.watch(watching(settings, run_log), lake, MEMORY)
        names = [each.incident.name for each in health.incidents]
        log.info("stack was checked", incidents=names, **health.metrics, **started_by)
    facts: dict[str, Any] = msgspec.to_builtins(health)
    return republished | facts


def republish_missing(
    settings: Settings, run_log: RunLog, lake: LakeState, grace_period_s: float, *, trusts_messages: bool
) -> dict[str, Any]:
    """Publish lost messages again; with `trusts_messages`, not for tables that have a message in their queue."""
    names, known = settings.names, queues(settings.names)

    def depths_of(table: str) -> Depths:
        messages = known.queue(names.queue(table)).count() if trusts_messages else 0
        return Depths(messages, known.queue(names.dead_letter_queue(table)).count())

    found = republish.republish_missing(
        republish.RepublishDependencies(
            run_log=run_log,
            manifests=Manifests(S3Bucket(names.bucket("processed"))),
            topic=SnsChangeTopic(SnsTopic(names.topic_arn(CHANGES))),
            depths=depths_of,
            targets=TARGETS,
            grace_period=timedelta(seconds=grace_period_s),
        ),
        lake,
        MEMORY,
    )
    facts: dict[str, Any] = msgspec.to_builtins(found)
    counts = {"missing": len(found.missing), "republished": len(found.republished)}
    log.info("missing manifests were republished", complete_run=found.complete_run, **counts)
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
    """Return the queues, made once per container: each URL is read once."""
    return QueueDepths(names)
