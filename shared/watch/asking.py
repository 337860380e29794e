"""A change message that was lost on its way is published again."""

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
from shared.watch.measures import Depths
from shared.watch.missing import complete_run, message_for, missing, overdue
from shared.watch.watch import Dead, last_look

# A day of a run each minute: so long may one table's dead letter stand in the way of another table's lost message.
RECORDS_PER_LOOK = 1440
# What may be one of its table's dead letters would be one more. After so long it is asked for again all the same, and
# then each time after twice as long: twenty times in the two weeks that SQS keeps a letter.
FIRST_WAIT, LONGEST_WAIT = timedelta(hours=1), timedelta(days=1)


class Tried(msgspec.Struct, frozen=True):
    """When a missing place was asked for last, and how often while it may have been among the dead letters."""

    run: int
    table: str
    at: datetime
    times: int

    @property
    def place(self) -> Place:
        return self.run, self.table

    def is_due(self, now: datetime) -> bool:
        # No power beyond what is needed: the times have no bound.
        doublings = min(max(self.times - 1, 0), 10)
        return now - self.at >= min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


class Asked(msgspec.Struct, frozen=True):
    """health/asked.json: up to which run nothing is missing, what is, and what of it was ever asked for."""

    complete_run: int
    missing: tuple[Place, ...] = ()
    asked_again: tuple[Place, ...] = ()
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True)
class RepublishDependencies:
    """What asking uses of the world. `depths` counts a table's messages and dead letters."""

    run_log: RunLog
    manifests: Manifests
    topic: ChangeTopic
    depths: Callable[[str], Depths]
    targets: Mapping[str, Target]
    patience: timedelta


def ask_again(outside: RepublishDependencies, lake: LakeState, memory: WatchMemory) -> Asked:
    if lake.problem:
        raise lake.problem
    if lake.newest and lake.newest == memory.complete and lake.is_loaded:
        # Nothing came since nothing was missing, nor was anything put back to before.
        return Asked(lake.newest.run)
    last = _last_look(outside.run_log)
    # What RETENTION_DAYS has removed was loaded, or superseded, and can be made no more.
    expired = last_expired(outside.run_log.bucket)
    before = max(last.complete_run, expired.run if expired else 0)
    records = _records(outside, lake.newest, before, memory)
    there: set[Place] = outside.manifests.places_since(before) if records else set()
    gaps = missing(records, there, outside.targets)
    # While the flow is paused, what is asked for would lie in the queues until it goes on.
    late = [] if lake.paused else overdue(records, gaps, lake.at.replace(tzinfo=None), outside.patience)
    tried = {each.place: each for each in last.tried if each.place in gaps}
    asked = _ask(late, records, tried, outside, lake.at)
    tried |= {each.place: each for each in asked}
    places = tuple(each.place for each in asked)
    found = Asked(complete_run(before, records, gaps), tuple(gaps), places, tuple(tried.values()))
    if found != last:
        outside.run_log.bucket.put(keys.ASKED, msgspec.json.encode(found))
    memory.complete = lake.newest if lake.newest and found.complete_run == lake.newest.run else None
    return found


def _records(
    outside: RepublishDependencies, newest: RunRecord | None, after: int, memory: WatchMemory
) -> list[RunRecord]:
    if newest is None:
        return []
    # Before it lie the runs of a former log, or none.
    after = max(after, newest.began - 1)
    return memory.records.records(outside.run_log, newest, after, min(after + RECORDS_PER_LOOK, newest.run))


def _last_look(run_log: RunLog) -> Asked:
    """Nothing when nobody looked, which costs a longer look, and may ask once more for what is a dead letter."""
    return last_words(run_log.bucket, keys.ASKED, Asked) or Asked(0)


def _ask(
    late: list[Place],
    records: list[RunRecord],
    tried: Mapping[Place, Tried],
    outside: RepublishDependencies,
    now: datetime,
) -> list[Tried]:
    """Those whose table has no message on its way. A dead letter holds back no other run, and its own for a while."""
    if not late:
        return []
    by_run, dead = {record.run: record for record in records}, _dead(outside.run_log)
    ours = sorted({table for _, table in late} & outside.targets.keys())
    depths = {table: outside.depths(table) for table in ours}
    asked = []
    for run, table in late:
        if table not in depths or depths[table].messages:
            continue
        taken_at = by_run[run].snapshot.taken_at.replace(tzinfo=UTC)
        # What was never asked for was asked for by the run itself.
        last = tried.get((run, table)) or Tried(run, table, taken_at, 0)
        may_be_dead = _may_be_dead(taken_at, depths[table], dead.get(table))
        if not may_be_dead or last.is_due(now):
            asked.append(Tried(run, table, now, last.times + may_be_dead))
    messages = {message_for(by_run[each.run], outside.targets[each.table]): None for each in asked}
    outside.topic.publish(list(messages))
    for each in asked:
        log.warning("manifest was asked for again", run=each.run, table=each.table, times=each.times)
    return asked


def _dead(run_log: RunLog) -> Mapping[str, Dead]:
    look = last_look(run_log)
    return look.dead if look else {}


def _may_be_dead(taken_at: datetime, depths: Depths, known: Dead | None) -> bool:
    """Whether the message of a run of that time may be among the table's dead letters: all that watch knows came
    before the run was."""
    if not depths.dead_letters:
        return False
    return known is None or depths.dead_letters > known.count or taken_at <= known.since
