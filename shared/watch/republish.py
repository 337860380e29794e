"""Publish the change messages of overdue manifests again: their message was lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from shared import log
from shared.lake import keys
from shared.lake.change_topic import ChangeTopic
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.lake.manifests import Manifests, Place
from shared.lake.parts import last_expired
from shared.lake.run_log import RunLog
from shared.warehouse.registry import Target
from shared.watch.lake import LakeState, WatchMemory
from shared.watch.missing import complete_run, message_for, missing, overdue
from shared.watch.observation import Depths
from shared.watch.watch import DeadLetters, last_check

# A day of a run each minute: for so long one table's dead letter can delay another table's lost message.
RECORDS_PER_CHECK = 1440
# The missing manifest's message may be one of the table's dead letters, and would become one more. It is republished
# after an hour all the same, then each time after twice as long: twenty times in the two weeks that SQS keeps a letter.
FIRST_WAIT, LONGEST_WAIT = timedelta(hours=1), timedelta(days=1)


class Attempt(msgspec.Struct, frozen=True):
    """When a missing manifest's message was last republished, and how often while it may have been a dead letter."""

    run: int
    table: str
    at: datetime
    times: int

    @property
    def place(self) -> Place:
        return self.run, self.table

    def is_due(self, now: datetime) -> bool:
        # The exponent is bounded, since `times` is not.
        doublings = min(max(self.times - 1, 0), 10)
        return now - self.at >= min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


class Republished(msgspec.Struct, frozen=True):
    """health/asked.json: the run up to which no manifest is missing, the missing ones, those whose message this check
    republished, and the attempts so far. The stored names of object and fields never change."""

    complete_run: int
    missing: tuple[Place, ...] = ()
    republished: tuple[Place, ...] = msgspec.field(default=(), name="asked_again")
    attempts: tuple[Attempt, ...] = msgspec.field(default=(), name="tried")


@dataclass(frozen=True)
class RepublishDependencies:
    """What republishing uses of the outside world. `depths` counts a table's messages and dead letters; a manifest is
    overdue after `grace_period`."""

    run_log: RunLog
    manifests: Manifests
    topic: ChangeTopic
    depths: Callable[[str], Depths]
    targets: Mapping[str, Target]
    grace_period: timedelta


def republish_missing(outside: RepublishDependencies, lake: LakeState, memory: WatchMemory) -> Republished:
    """Publish the messages of overdue manifests again, and return what is missing. Raises `lake.problem`."""
    if lake.problem:
        raise lake.problem
    if lake.newest and lake.newest == memory.complete and lake.is_loaded:
        # There is no new run since no manifest was missing, and the warehouse was not restored.
        return Republished(lake.newest.run)
    last = _last(outside.run_log)
    # Runs that RETENTION_DAYS removed were loaded or superseded, and cannot be transformed any more.
    expired = last_expired(outside.run_log.bucket)
    before = max(last.complete_run, expired.run if expired else 0)
    records = _records(outside, lake.newest, before, memory)
    existing: set[Place] = outside.manifests.places_since(before) if records else set()
    gaps = missing(records, existing, outside.targets)
    # While the flow is paused, republished messages would only lie in the queues.
    late = [] if lake.paused else overdue(records, gaps, lake.at.replace(tzinfo=None), outside.grace_period)
    attempts = {each.place: each for each in last.attempts if each.place in gaps}
    made = _republish(late, records, attempts, outside, lake.at)
    attempts |= {each.place: each for each in made}
    places = tuple(each.place for each in made)
    found = Republished(complete_run(before, records, gaps), tuple(gaps), places, tuple(attempts.values()))
    if found != last:
        outside.run_log.bucket.put(keys.REPUBLISHED, msgspec.json.encode(found))
    memory.complete = lake.newest if lake.newest and found.complete_run == lake.newest.run else None
    return found


def _records(
    outside: RepublishDependencies, newest: RunRecord | None, after: int, memory: WatchMemory
) -> list[RunRecord]:
    if newest is None:
        return []
    # Before the log's first run there are runs of a former log, or none.
    after = max(after, newest.began - 1)
    return memory.records.records(outside.run_log, newest, after, min(after + RECORDS_PER_CHECK, newest.run))


def _last(run_log: RunLog) -> Republished:
    """Return the last check's result. Without one, more runs are read, and a dead letter may be republished early."""
    return last_words(run_log.bucket, keys.REPUBLISHED, Republished) or Republished(0)


def _republish(
    late: list[Place],
    records: list[RunRecord],
    attempts: Mapping[Place, Attempt],
    outside: RepublishDependencies,
    now: datetime,
) -> list[Attempt]:
    """Publish again for tables without a message in the queue. A dead letter delays only its own run, for a while."""
    if not late:
        return []
    by_run, dead_letters = {record.run: record for record in records}, _dead_letters(outside.run_log)
    ours = sorted({table for _, table in late} & outside.targets.keys())
    depths = {table: outside.depths(table) for table in ours}
    made = []
    for run, table in late:
        if table not in depths or depths[table].messages:
            continue
        taken_at = by_run[run].snapshot.taken_at.replace(tzinfo=UTC)
        # The first message was published by the run itself.
        last = attempts.get((run, table)) or Attempt(run, table, taken_at, 0)
        may_be_dead = _may_be_dead(taken_at, depths[table], dead_letters.get(table))
        if not may_be_dead or last.is_due(now):
            made.append(Attempt(run, table, now, last.times + may_be_dead))
    messages = {message_for(by_run[each.run], outside.targets[each.table]): None for each in made}
    outside.topic.publish(list(messages))
    for each in made:
        log.warning("missing manifest was republished", run=each.run, table=each.table, times=each.times)
    return made


def _dead_letters(run_log: RunLog) -> Mapping[str, DeadLetters]:
    health = last_check(run_log)
    return health.dead if health else {}


def _may_be_dead(taken_at: datetime, depths: Depths, known: DeadLetters | None) -> bool:
    """Return whether the message of a run of that time may be one of the table's dead letters; not when all of them
    existed before the run."""
    if not depths.dead_letters:
        return False
    return known is None or depths.dead_letters > known.count or taken_at <= known.since
