"""A change message that was lost on its way is published again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from shared import log
from shared.aws.topic import Topic
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.lake.manifests import Manifests, Place
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.load.memory import Memory
from shared.warehouse.registry import Target
from shared.watch.missing import complete_run, message_for, missing, overdue

# A day of a run each minute: so long may one table's dead letter stand in the way of another table's lost message.
RECORDS_PER_LOOK = 1440


class Asked(msgspec.Struct, frozen=True):
    """health/asked.json: up to which run nothing is missing, and what is."""

    complete_run: int
    missing: tuple[Place, ...] = ()
    asked_again: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Outside:
    """What asking uses of the world. `messages_at` counts a table's messages, its dead letters among them; `memory` has
    the records that a warm function need not read again."""

    run_log: RunLog
    manifests: Manifests
    topic: Topic
    messages_at: Callable[[str], int]
    targets: Mapping[str, Target]
    now: Callable[[], datetime]
    patience: timedelta
    memory: Memory = field(default_factory=Memory)


def ask_again(outside: Outside) -> Asked:
    before = _last_look(outside.run_log)
    records = _records(outside, before)
    gaps = missing(records, outside.manifests.places_since(before), outside.targets)
    now = outside.now()
    late = overdue(records, gaps, now.replace(tzinfo=None), outside.patience)
    if paused_since(outside.run_log.bucket):
        # What is asked for now would lie in the queues until the flow goes on.
        late = []
    asked = _ask(late, records, outside)
    found = Asked(complete_run(before, records, gaps), tuple(gaps), tuple(asked))
    outside.run_log.bucket.put(keys.ASKED, msgspec.json.encode(found))
    return found


def _records(outside: Outside, after: int) -> list[RunRecord]:
    newest = outside.run_log.newest()
    if newest is None:
        return []
    # Before it lie the runs of a former log, or none.
    after = max(after, newest.began - 1)
    return outside.memory.records(outside.run_log, newest, after, min(after + RECORDS_PER_LOOK, newest.run))


def _last_look(run_log: RunLog) -> int:
    """Up to which run nothing was missing; 0 when nobody looked, which costs a longer look."""
    asked = last_words(run_log.bucket, keys.ASKED, Asked)
    return asked.complete_run if asked else 0


def _ask(late: list[Place], records: list[RunRecord], outside: Outside) -> list[Place]:
    """Those whose table has neither a message on its way nor a dead letter, which a person must look at."""
    by_run = {record.run: record for record in records}
    ours = {table for _, table in late if table in outside.targets}
    silent = {table for table in ours if outside.messages_at(table) == 0}
    asked = [(run, table) for run, table in late if table in silent]
    messages = {message_for(by_run[run], outside.targets[table]): None for run, table in asked}
    outside.topic.publish(list(messages))
    for run, table in asked:
        log.warning("manifest was asked for again", run=run, table=table)
    return asked
