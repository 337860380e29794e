"""One look: what is seen is measured, incidents are told, and all of it is left for others to see."""

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
from shared.watch.course import Open, Told, go_on
from shared.watch.incidents import incidents, unjudged
from shared.watch.lake import LakeState, WatchMemory
from shared.watch.measures import Depths, Seen, metrics
from shared.watch.recall import SUBJECT, keep, lost, recall
from shared.watch.recall import Told as Kept

# Runs that the loader has not seen are a minute's; of a loader that is away itself an hour's are enough to look at.
PENDING_LOOKED_AT = 60
# Watch looks each minute: after so long without, it was itself away, and what it finds may only be its own absence.
AWAY = timedelta(minutes=5)
# Past the objective extract, load and watch itself look once more, a minute each, before a table is called late.
LOOKS = timedelta(minutes=3)
# Of somebody who makes no excuses.
NEVER = datetime.min.replace(tzinfo=UTC)


class Dead(msgspec.Struct, frozen=True):
    """The dead letters of a table: how many, and when there last were more than the look before had seen."""

    count: int
    since: datetime


class WatchHealth(msgspec.Struct, frozen=True):
    """health/watch.json, of the look at `at`. `quiet_until` is as in Seen; `paused_since` what pause.sh said.

    `fresh_as_of` is by warehouse table, UTC without a zone; `metrics` what CloudWatch was given. `unreadable_since` as
    in Seen.
    """

    at: datetime
    quiet_until: datetime
    paused_since: str | None = None
    incidents: tuple[Open, ...] = ()
    metrics: dict[str, float] = {}
    fresh_as_of: dict[str, datetime] = {}
    dead: dict[str, Dead] = {}
    unreadable_since: datetime | None = None


class Topic(Protocol):
    def publish(self, texts: list[str], subject: str = "") -> None:
        """Publish every text at least once, or raise."""


@dataclass(frozen=True)
class WatchDependencies:
    """What watch uses of the world. `alerts` is the topic; `dead_letters` and `messages` count what is in the queues of
    some tables; `options` end each command that a person is told to run."""

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


def watch(outside: WatchDependencies, lake: LakeState, memory: WatchMemory) -> WatchHealth:
    """Raises when a message or a number could not be put; the next look then tells all of it again."""
    before, now, paused = last_look(outside.run_log, must_be_sure=True), lake.at, lake.paused
    copy = _copy(outside.run_log, before, memory)
    seen = look(outside, lake, _quiet_until(before, paused, now), before.fresh_as_of if before else {})
    if seen.unreadable_since and before and before.unreadable_since:
        seen = replace(seen, unreadable_since=before.unreadable_since)
    dead = _dead(before.dead if before else {}, seen)
    seen = replace(seen, dead_since={table: each.since for table, each in dead.items()})
    recalled = recall(Kept(before.at, before.incidents) if before else None, copy, is_old_stack=_is_old_stack(seen))
    if recalled.is_lost:
        outside.alerts.publish([lost(outside.objective + LOOKS)], SUBJECT)
    # Of what a person has stopped nobody is called, and nothing is over.
    open_, told = (recalled.incidents, []) if paused else _course(recalled.incidents, seen, outside)
    outside.alerts.publish([encode(_alert(each, seen.now, outside)).decode() for each in told])
    keep(outside.run_log.bucket, Kept(now, tuple(open_)), copy)
    health = WatchHealth(
        at=now,
        quiet_until=seen.quiet_until,
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


def look(
    outside: WatchDependencies, lake: LakeState, quiet_until: datetime, remembered: Mapping[str, datetime]
) -> Seen:
    seen = Seen(
        now=lake.at,
        quiet_until=quiet_until,
        objective=outside.objective,
        targets=outside.targets,
        extract=lake.extract,
        load=lake.load,
        remembered=remembered,
    )
    if lake.problem:
        seen = _unreadable(seen, lake.problem)
    try:
        seen = _with_runs(seen, lake, outside.run_log)
    except PermanentError as error:
        seen = _unreadable(seen, error)
    return replace(seen, queues=_queues(seen, outside))


def _unreadable(seen: Seen, error: PermanentError) -> Seen:
    return replace(seen, unreadable=str(error), unreadable_since=seen.now if isinstance(error, MayPass) else None)


def _with_runs(seen: Seen, lake: LakeState, run_log: RunLog) -> Seen:
    load, newest = lake.load, lake.newest
    if newest is None:
        return seen
    if load and load.log != newest.log:
        # What it says of the tables is about another log's runs.
        load = msgspec.structs.replace(load, tables={}, seen_run=0)
    pending = islice(run_log.since(load.seen_run if load else 0, newest), PENDING_LOOKED_AT)
    return replace(seen, load=load, newest=newest, pending=list(pending))


def _queues(seen: Seen, outside: WatchDependencies) -> dict[str, Depths]:
    """Of a table that lacks nothing nobody asks what its transform has still to do."""
    dead_letters = outside.dead_letters(outside.targets)
    messages = outside.messages([target.name for target in outside.targets.values() if seen.missing(target)])
    return {table: Depths(messages.get(table, 0), dead_letters.get(table, 0)) for table in outside.targets}


def _copy(run_log: RunLog, before: WatchHealth | None, memory: WatchMemory) -> Kept | None:
    """What health/incidents.json says: that no incident is open, where this watch was the last to write that."""
    if before and before == memory.wrote and not before.incidents:
        return Kept(before.at, ())
    return last_words(run_log.bucket, keys.INCIDENTS, Kept)


def last_look(run_log: RunLog, *, must_be_sure: bool = False) -> WatchHealth | None:
    return last_words(run_log.bucket, keys.WATCH_HEALTH, WatchHealth, must_be_sure=must_be_sure)


def _quiet_until(before: WatchHealth | None, paused: str | None, now: datetime) -> datetime:
    if before is None or paused or now - before.at > AWAY:
        return now
    return before.quiet_until


def _dead(before: Mapping[str, Dead], seen: Seen) -> dict[str, Dead]:
    counts = {table: depths.dead_letters for table, depths in seen.queues.items() if depths.dead_letters}
    known = {table: before.get(table, Dead(0, seen.now)) for table in counts}
    return {
        table: Dead(count, seen.now if count > known[table].count else known[table].since)
        for table, count in counts.items()
    }


def _is_old_stack(seen: Seen) -> bool:
    """Whether watch must have looked before: it does so each minute, from before the first run on."""
    return bool(seen.unreadable) or (
        seen.newest is not None and seen.lag_s(seen.newest.snapshot.taken_at) > AWAY.total_seconds()
    )


def _course(known: tuple[Open, ...], seen: Seen, outside: WatchDependencies) -> tuple[list[Open], list[Told]]:
    return go_on(known, incidents(seen, outside.options), seen.now, _kept(known, seen))


def _kept(known: Iterable[Open], seen: Seen) -> set[str]:
    """By their names, those that are not over for not being found: nobody can say so, or they are only excused."""
    strict = replace(seen, quiet_until=NEVER)
    excused = {each.name for each in incidents(strict)}
    return excused | {each.incident.name for each in known if each.incident.kind in unjudged(strict)}


def _alert(told: Told, now: datetime, outside: WatchDependencies) -> Alert:
    event, incident = told
    return Alert(version=1, event=event, stack=outside.stack, region=outside.region, at=now, incident=incident)
