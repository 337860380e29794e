"""One look of the watch: a change message that was lost on its way is published again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from shared import log
from shared.aws.topic import Topic
from shared.errors import MissingObject
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.manifests import Manifests, Place
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.warehouse.registry import Target
from shared.watch.missing import complete_run, message_for, missing, overdue


class Health(msgspec.Struct, frozen=True):
    """health/watch.json: when the last look was, up to which run nothing is missing, and what is."""

    at: datetime
    complete_run: int
    missing: tuple[Place, ...] = ()
    asked_again: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Outside:
    """What the watch uses of the world. `messages_at` counts a table's messages, its dead letters among them."""

    run_log: RunLog
    manifests: Manifests
    topic: Topic
    messages_at: Callable[[str], int]
    targets: Mapping[str, Target]
    now: Callable[[], datetime]
    patience: timedelta


def watch(outside: Outside) -> Health:
    before = _last_look(outside.run_log)
    records = list(outside.run_log.since(before))
    gaps = missing(records, outside.manifests.places_since(before), outside.targets)
    now = outside.now()
    late = overdue(records, gaps, now.replace(tzinfo=None), outside.patience)
    if paused_since(outside.run_log.bucket):
        # What is asked for now would lie in the queues until the flow goes on.
        late = []
    asked = _ask_again(late, records, outside)
    health = Health(now, complete_run(before, records, gaps), tuple(gaps), tuple(asked))
    outside.run_log.bucket.put(keys.WATCH_HEALTH, msgspec.json.encode(health))
    return health


def _last_look(run_log: RunLog) -> int:
    """Up to which run nothing was missing; 0 when nobody looked, which costs a longer look."""
    try:
        return msgspec.json.decode(run_log.bucket.get(keys.WATCH_HEALTH), type=Health).complete_run
    except (MissingObject, msgspec.DecodeError):
        return 0


def _ask_again(late: list[Place], records: list[RunRecord], outside: Outside) -> list[Place]:
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
