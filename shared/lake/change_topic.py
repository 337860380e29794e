"""Publish change messages: one per changed table of a run. Queues filter by the attribute `table`."""

from collections.abc import Sequence
from typing import Protocol

from shared.aws.topic import Entry, SnsTopic
from shared.lake.documents import ChangeMessage, encode


class ChangeTopic(Protocol):
    def publish(self, messages: Sequence[ChangeMessage]) -> None:
        """Publish every message at least once, or raise."""


class SnsChangeTopic:
    def __init__(self, topic: SnsTopic) -> None:
        self._topic = topic

    def publish(self, messages: Sequence[ChangeMessage]) -> None:
        self._topic.publish_entries([_entry(message) for message in messages])


def _entry(message: ChangeMessage) -> Entry:
    return {
        # Several runs of one table may be published together.
        "Id": f"{message.run}-{message.table}",
        "Message": encode(message).decode(),
        "MessageAttributes": {"table": {"DataType": "String", "StringValue": message.table}},
    }
