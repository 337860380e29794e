"""What waits in the tables' queues. One that is gone holds nothing: its table is behind, and a deploy makes it anew."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import log
from shared.aws.clients import client
from shared.aws.queue import SqsQueue
from shared.errors import ServiceRefused
from shared.names import Names
from shared.watch.measures import Depths

# Of each of some twenty queues address and attributes are asked, a few milliseconds each.
AT_ONCE = 8


def depths(names: Names, tables: Iterable[str], sqs: Any = None) -> Mapping[str, Depths]:
    sqs, tables = sqs or client("sqs"), list(tables)
    queues = [name for table in tables for name in (names.queue(table), names.dead_letter_queue(table))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        counts = list(pool.map(lambda name: _count(SqsQueue(name, sqs)), queues))
    return {table: Depths(*counts[2 * number : 2 * number + 2]) for number, table in enumerate(tables)}


def _count(queue: SqsQueue) -> int:
    try:
        return queue.count()
    except ServiceRefused as error:
        log.failure("queue was not counted", error)
        return 0
