"""Check the stack once: observe it, put its metrics, report incidents, and leave the result in health/watch.json."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Protocol

import msgspec

from shared.alerts.documents import Alert
from shared.aws.metrics import Metrics
from shared.errors import MayPass, PermanentError
from shared.lake import keys
from shared.lake.documents import encode
from shared.lake.health import last_words
from shared.lake.run_log import RunLog
from shared.warehouse.registry import Target
from shared.watch.incident_lifecycle import Notification, OpenIncident, advance
from shared.watch.incidents import incidents, undecidable
from shared.watch.lake import LakeState, WatchMemory
from shared.watch.observation import Depths, Observation, metrics
from shared.watch.open_incidents import OpenIncidents, recall, remember
from shared.wording.watch import LOST_TITLE, lost

# Runs that the loader has not seen are those of a minute; if it is down, an hour's are enough to read.
PENDING_READ = 60
# Watch checks each minute. After so long without a check it was down itself, and ages count from now.
AWAY = timedelta(minutes=5)
# Past the objective extract, load and watch run once more, a minute each, before a table is reported as late.
CHECKS = timedelta(minutes=3)
# Strict check: no grace period, every age counts in full.
NO_GRACE = datetime.min.replace(tzinfo=UTC)


class DeadLetters(msgspec.Struct, frozen=True):
    """A table's dead letters: how many, and when a check last found more than the one before."""

    count: int
    since: datetime


class WatchHealth(msgspec.Struct, frozen=True):
    """health/watch.json, of the check at `at`. Stored names never change.

    `grace_started_at` and `unreadable_since` are as in Observation; `paused_since` is what pause.sh wrote;
    `fresh_as_of` is by warehouse table, UTC without a zone; `metrics` is what CloudWatch got.
    """

    at: datetime
    grace_started_at: datetime = msgspec.field(name="quiet_until")
    paused_since: str | None = None
    incidents: tuple[OpenIncident, ...] = ()
    metrics: dict[str, float] = {}
    fresh_as_of: dict[str, datetime] = {}
    dead: dict[str, DeadLetters] = {}
    unreadable_since: datetime | None = None


class Topic(Protocol):
    def publish(self, texts: list[str], subject: str = "") -> None:
        """Publish every text at least once, or raise."""


@dataclass(frozen=True)
class WatchDependencies:
    """What watch uses of the outside world. `alerts` is the topic; `dead_letters` and `messages` count what is in the
    queues of some tables; `options` choose the stack, and end each command in a message; `account_expires` is when the
    account ends, None for never."""

    run_log: RunLog
    alerts: Topic
    metrics: Metrics
    dead_letters: Callable[[Collection[str]], Mapping[str, int]]
    messages: Callable[[Collection[str]], Mapping[str, int]]
    targets: Mapping[str, Target]
    objective: timedelta
    stack: str
    region: str
    options: str = ""
    account_expires: datetime | None = None


def watch(outside: WatchDependencies, lake: LakeState, memory: WatchMemory) -> WatchHealth:
    """Check the stack. Raises when a message or metric could not be put; the next check then reports all of it
    again."""
    before, now, paused = last_check(outside.run_log, must_be_sure=True), lake.at, lake.paused
    copy = _copy(outside.run_log, before, memory)
    seen = observe(outside, lake, _grace_started_at(before, paused, now), before.fresh_as_of if before else {})
    if seen.unreadable_since and before and before.unreadable_since:
        seen = replace(seen, unreadable_since=before.unreadable_since)
    dead = _dead_letters(before.dead if before else {}, seen)
    seen = replace(seen, dead_since={table: each.since for table, each in dead.items()})
    known = OpenIncidents(before.at, before.incidents) if before else None
    recalled = recall(known, copy, is_old_stack=_is_old_stack(seen))
    if recalled.is_lost:
        text = lost(outside.objective + CHECKS, (keys.WATCH_HEALTH, keys.INCIDENTS))
        outside.alerts.publish([text], LOST_TITLE)
    # While a person has paused the flow nothing is reported, and no incident ends.
    open_, notifications = (recalled.incidents, []) if paused else _advanced(recalled.incidents, seen, outside)
    outside.alerts.publish([encode(_alert(each, seen.now, outside)).decode() for each in notifications])
    remember(outside.run_log.bucket, OpenIncidents(now, tuple(open_)), copy)
    health = WatchHealth(
        at=now,
        grace_started_at=seen.grace_started_at,
        paused_since=paused,
        incidents=tuple(open_),
        metrics=metrics(seen, len(open_)),
        fresh_as_of=seen.all_fresh_as_of(),
        dead=dead,
        unreadable_since=seen.unreadable_since,
    )
    outside.run_log.bucket.put(keys.WATCH_HEALTH, msgspec.json.encode(health))
    memory.wrote = health
    outside.metrics.put(health.metrics)
    return health


def observe(
    outside: WatchDependencies, lake: LakeState, grace_started_at: datetime, remembered: Mapping[str, datetime]
) -> Observation:
    """Return what the buckets and queues say now."""
    seen = Observation(
        now=lake.at,
        grace_started_at=grace_started_at,
        objective=outside.objective,
        targets=outside.targets,
        extract=lake.extract,
        load=lake.load,
        remembered=remembered,
        account_expires=outside.account_expires,
    )
    if lake.problem:
        seen = _unreadable(seen, lake.problem)
    try:
        seen = _with_runs(seen, lake, outside.run_log)
    except PermanentError as error:
        seen = _unreadable(seen, error)
    return replace(seen, queues=_queues(seen, outside))


def _unreadable(seen: Observation, error: PermanentError) -> Observation:
    return replace(seen, unreadable=str(error), unreadable_since=seen.now if isinstance(error, MayPass) else None)


def _with_runs(seen: Observation, lake: LakeState, run_log: RunLog) -> Observation:
    load, newest = lake.load, lake.newest
    if newest is None:
        return seen
    if load and load.log != newest.log:
        # Its tables are about another log's runs.
        load = msgspec.structs.replace(load, tables={}, seen_run=0)
    pending = islice(run_log.since(load.seen_run if load else 0, newest), PENDING_READ)
    return replace(seen, load=load, newest=newest, pending=list(pending))


def _queues(seen: Observation, outside: WatchDependencies) -> dict[str, Depths]:
    """Count dead letters of all tables, and messages only of those that miss a run."""
    dead_letters = outside.dead_letters(outside.targets)
    messages = outside.messages([target.name for target in outside.targets.values() if seen.missing(target)])
    return {table: Depths(messages.get(table, 0), dead_letters.get(table, 0)) for table in outside.targets}


def _copy(run_log: RunLog, before: WatchHealth | None, memory: WatchMemory) -> OpenIncidents | None:
    """Return health/incidents.json; not read when this container itself wrote last that no incident is open."""
    if before and before == memory.wrote and not before.incidents:
        return OpenIncidents(before.at, ())
    return last_words(run_log.bucket, keys.INCIDENTS, OpenIncidents)


def last_check(run_log: RunLog, *, must_be_sure: bool = False) -> WatchHealth | None:
    """Return health/watch.json; None if it does not exist or cannot be parsed. Raises as last_words."""
    return last_words(run_log.bucket, keys.WATCH_HEALTH, WatchHealth, must_be_sure=must_be_sure)


def _grace_started_at(before: WatchHealth | None, paused: str | None, now: datetime) -> datetime:
    if before is None or paused or now - before.at > AWAY:
        return now
    return before.grace_started_at


def _dead_letters(before: Mapping[str, DeadLetters], seen: Observation) -> dict[str, DeadLetters]:
    counts = {table: depths.dead_letters for table, depths in seen.queues.items() if depths.dead_letters}
    known = {table: before.get(table, DeadLetters(0, seen.now)) for table in counts}
    return {
        table: DeadLetters(count, seen.now if count > known[table].count else known[table].since)
        for table, count in counts.items()
    }


def _is_old_stack(seen: Observation) -> bool:
    """Return whether there must have been a check before: watch runs each minute, since before the first run."""
    return bool(seen.unreadable) or (
        seen.newest is not None and seen.lag_s(seen.newest.snapshot.taken_at) > AWAY.total_seconds()
    )


def _advanced(
    known: tuple[OpenIncident, ...], seen: Observation, outside: WatchDependencies
) -> tuple[list[OpenIncident], list[Notification]]:
    return advance(known, incidents(seen, outside.options), seen.now, _held_open(known, seen))


def _held_open(known: Iterable[OpenIncident], seen: Observation) -> set[str]:
    """Return the names of incidents that stay open although they were not found: they cannot be decided, or are only
    hidden by the grace period."""
    strict = replace(seen, grace_started_at=NO_GRACE)
    hidden = {each.name for each in incidents(strict)}
    return hidden | {each.incident.name for each in known if each.incident.kind in undecidable(strict)}


def _alert(notification: Notification, now: datetime, outside: WatchDependencies) -> Alert:
    event, incident = notification
    return Alert(version=1, event=event, stack=outside.stack, region=outside.region, at=now, incident=incident)
