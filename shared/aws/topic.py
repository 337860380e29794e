"""SNS: the topic `changes`, and those that people are told by."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, Protocol

from shared.aws.clients import Sleep, called, client
from shared.errors import ServiceUnavailable
from shared.lake.documents import ChangeMessage, encode

# SNS takes ten messages a call.
MOST_PER_CALL = 10
Entry = dict[str, Any]


class Topic(Protocol):
    def publish(self, messages: Sequence[ChangeMessage]) -> None:
        """Publish every message at least once, or raise."""


class SnsTopic:
    def __init__(self, arn: str, sns: Any = None, sleep: Sleep = time.sleep) -> None:
        self._arn = arn
        self._sns = sns or client("sns")
        self._sleep = sleep

    def publish(self, messages: Sequence[ChangeMessage]) -> None:
        self._publish([_entry(message) for message in messages])

    def tell(self, texts: Sequence[str], subject: str = "") -> None:
        """Publish every text at least once, or raise. `subject` is an e-mail's."""
        about = {"Subject": subject} if subject else {}
        self._publish([{"Id": str(number), "Message": text} | about for number, text in enumerate(texts)])

    def _publish(self, entries: Sequence[Entry]) -> None:
        rest = iter(entries)
        while some := list(islice(rest, MOST_PER_CALL)):
            self._publish_all(some)

    def _publish_all(self, entries: list[Entry]) -> None:
        left = {entry["Id"]: entry for entry in entries}

        # A call can fail in part: only what failed is sent again.
        def send() -> None:
            answer = self._sns.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=list(left.values()))
            for sent in answer.get("Successful", ()):
                left.pop(sent["Id"])
            if left:
                raise ServiceUnavailable("SNS", f"publishing {len(left)} of {len(entries)} messages", "in part")

        called("SNS", "publishing", send, sleep=self._sleep)


def _id(message: ChangeMessage) -> str:
    """Watch asks for several runs of a table at once."""
    return f"{message.run}-{message.table}"


def _entry(message: ChangeMessage) -> Entry:
    return {
        "Id": _id(message),
        "Message": encode(message).decode(),
        "MessageAttributes": {"table": {"DataType": "String", "StringValue": message.table}},
    }
