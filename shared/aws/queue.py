"""Access one SQS queue: change a message's visibility, send one, count them."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from shared.aws.clients import Sleep, called, client

COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Queue(Protocol):
    """The queue that a consumer works with."""

    name: str

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        """Make a received message visible again after `seconds`, whatever the queue's own timeout."""

    def send(self, body: str, attributes: Mapping[str, str]) -> None:
        """Send a message with text attributes, none of them empty."""


class SqsQueue:
    """A queue found by its name. Its URL, whose form differs between endpoints, is read once."""

    def __init__(self, name: str, sqs: Any = None, sleep: Sleep = time.sleep) -> None:
        self.name = name
        self._sqs = sqs or client("sqs")
        self._sleep = sleep
        self._known_url = ""

    def change_visibility(self, receipt_handle: str, seconds: int) -> None:
        url = self._url()
        called(
            "SQS",
            f"releasing a message of {self.name}",
            lambda: self._sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            ),
            sleep=self._sleep,
        )

    def send(self, body: str, attributes: Mapping[str, str]) -> None:
        url = self._url()
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        called(
            "SQS",
            f"sending to {self.name}",
            lambda: self._sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=typed),
            sleep=self._sleep,
        )

    def count(self) -> int:
        """Return the number of messages waiting, in flight or delayed. SQS calls it approximate."""
        url = self._url()
        answer = called(
            "SQS",
            f"counting the messages of {self.name}",
            lambda: self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(COUNTED)),
            sleep=self._sleep,
        )
        return sum(int(answer["Attributes"][name]) for name in COUNTED)

    def _url(self) -> str:
        if not self._known_url:
            answer = called(
                "SQS", f"finding {self.name}", lambda: self._sqs.get_queue_url(QueueName=self.name), sleep=self._sleep
            )
            self._known_url = str(answer["QueueUrl"])
        return self._known_url
