"""Check the stack on schedule. `{"do": "republish"}` only republishes the messages of all missing manifests, at
once.
"""

from datetime import timedelta
from functools import cache
from typing import Any

import msgspec

from handlers.invocation import Invocation, failure_logged, invocation, utc_now
from shared import log
from shared.aws.metrics import CloudWatchMetrics
from shared.aws.topic import SnsTopic
from shared.lake.change_topic import SnsChangeTopic
from shared.names import ALERTS, CHANGES, Names
from shared.warehouse.registry import TARGETS
from shared.watch import republish, watch
from shared.watch.lake import LakeState, WatchMemory, read_lake
from shared.watch.observation import Depths
from shared.watch.queues import QueueDepths

MEMORY = WatchMemory()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    call = invocation(context)
    with failure_logged("watch failed"):
        lake = read_lake(call.run_log, MEMORY, utc_now)
        if event.get("do") == "republish":
            return republish_missing(call, lake, grace_period_s=0, trusts_messages=False)
        return check(call, lake, log.started_by(event))


def check(call: Invocation, lake: LakeState, started_by: dict[str, str]) -> dict[str, Any]:
    """Publish lost messages first, which may remove a cause of incidents; then check, also when that failed."""
    republished: dict[str, Any] = {}
    try:
        republished = republish_missing(call, lake, call.settings.reask_after_s, trusts_messages=True)
    finally:
        health = watch.watch(watching(call), lake, MEMORY)
        names = [each.incident.name for each in health.incidents]
        log.info("stack was checked", incidents=names, **health.metrics, **started_by)
    facts: dict[str, Any] = msgspec.to_builtins(health)
    return republished | facts


def republish_missing(
    call: Invocation, lake: LakeState, grace_period_s: float, *, trusts_messages: bool
) -> dict[str, Any]:
    """Publish lost messages again; with `trusts_messages`, not for tables that have a message in their queue."""
    names, known = call.settings.names, queues(call.settings.names)

    def depths_of(table: str) -> Depths:
        messages = known.queue(names.queue(table)).count() if trusts_messages else 0
        return Depths(messages, known.queue(names.dead_letter_queue(table)).count())

    found = republish.republish_missing(
        republish.RepublishDependencies(
            run_log=call.run_log,
            manifests=call.manifests,
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


def watching(call: Invocation) -> watch.WatchDependencies:
    settings, names, known = call.settings, call.settings.names, queues(call.settings.names)
    return watch.WatchDependencies(
        run_log=call.run_log,
        alerts=SnsTopic(names.topic_arn(ALERTS)),
        metrics=CloudWatchMetrics(names.prefix),
        dead_letters=known.dead_letters,
        messages=known.messages,
        targets=TARGETS,
        objective=timedelta(seconds=settings.freshness_objective_s),
        stack=names.prefix,
        region=names.region,
        options=settings.command_options,
        account_expires=settings.account_expires,
    )


@cache
def queues(names: Names) -> QueueDepths:
    """Return the queues, made once per container: each URL is read once."""
    return QueueDepths(names)
