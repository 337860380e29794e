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

# Each of some ten queues is asked, a few milliseconds each.
AT_ONCE = 8


class QueueDepths:
    """A warm function keeps it, and with it the queues' addresses."""

    def __init__(self, names: Names, sqs: Any = None) -> None:
        self._names, self._sqs = names, sqs or client("sqs")
        self._known: dict[str, SqsQueue] = {}

    def messages(self, tables: Iterable[str]) -> dict[str, int]:
        """How many wait for each table's transform, or are being worked on."""
        return self._counts({table: self._names.queue(table) for table in tables})

    def dead_letters(self, tables: Iterable[str]) -> dict[str, int]:
        return self._counts({table: self._names.dead_letter_queue(table) for table in tables})

    def depths(self, tables: Iterable[str]) -> Mapping[str, Depths]:
        tables = list(tables)
        messages, dead_letters = self.messages(tables), self.dead_letters(tables)
        return {table: Depths(messages[table], dead_letters[table]) for table in tables}

    def queue(self, name: str) -> SqsQueue:
        if name not in self._known:
            self._known[name] = SqsQueue(name, self._sqs)
        return self._known[name]

    def _counts(self, names: Mapping[str, str]) -> dict[str, int]:
        queues = [self.queue(name) for name in names.values()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(names, pool.map(_count, queues), strict=True))


def _count(queue: SqsQueue) -> int:
    try:
        return queue.count()
    except ServiceRefused as error:
        log.failure("queue was not counted", error)
        return 0
