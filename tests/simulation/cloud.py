"""AWS in memory, in the shape of boto3's clients: S3, SNS, and SQS with its dead-letter queues.

Only what the product calls and how AWS answers it; test_cloud.py holds it to MiniStack. Time is the caller's.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

Answer = dict[str, Any]
Clock = Callable[[], float]
# What S3 answers at most in one listing; small, so that a second page is something that happens.
KEYS_PER_PAGE = 20


def refused(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


class S3:
    def __init__(self, keys_per_page: int = KEYS_PER_PAGE) -> None:
        self.buckets: dict[str, dict[str, bytes]] = {}
        self._keys_per_page = keys_per_page

    def create_bucket(self, Bucket: str, **_: Any) -> None:  # noqa: N803 - boto3's own names
        self.buckets[Bucket] = {}

    def get_object(self, Bucket: str, Key: str) -> Answer:  # noqa: N803
        if Key not in self._objects(Bucket, "GetObject"):
            raise refused("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.buckets[Bucket][Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "") -> Answer:  # noqa: N803
        objects = self._objects(Bucket, "PutObject")
        if IfNoneMatch and Key in objects:
            raise refused("PreconditionFailed", "PutObject")
        objects[Key] = Body
        return {}

    def delete_object(self, Bucket: str, Key: str) -> Answer:  # noqa: N803
        self._objects(Bucket, "DeleteObject").pop(Key, None)
        return {}

    def list_objects_v2(
        self,
        Bucket: str,  # noqa: N803
        Prefix: str = "",  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        ContinuationToken: str = "",  # noqa: N803
        MaxKeys: int = 0,  # noqa: N803
    ) -> Answer:
        after = ContinuationToken or StartAfter
        most = MaxKeys or self._keys_per_page
        objects = self._objects(Bucket, "ListObjectsV2")
        keys = sorted(key for key in objects if key.startswith(Prefix) and key > after)
        page = keys[:most]
        more: Answer = {"NextContinuationToken": page[-1]} if len(keys) > most else {}
        return {"Contents": [{"Key": key} for key in page], "IsTruncated": bool(more)} | more

    def _objects(self, bucket: str, operation: str) -> dict[str, bytes]:
        if bucket not in self.buckets:
            raise refused("NoSuchBucket", operation)
        return self.buckets[bucket]


@dataclass
class Message:
    id: str
    body: str
    visible_at: float
    receives: int = 0
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class MemoryQueue:
    """A queue; what was received `most_receives` times goes to `dead_letters` when there is one."""

    name: str
    visibility_s: float
    dead_letters: "MemoryQueue | None" = None
    most_receives: int = 0
    messages: dict[str, Message] = field(default_factory=dict)


class Sqs:
    def __init__(self, clock: Clock) -> None:
        self.queues: dict[str, MemoryQueue] = {}
        self._clock, self._numbers = clock, count(1)

    def make(self, name: str, visibility_s: float, dead_letters: str = "", most_receives: int = 0) -> None:
        letters = self.queues[dead_letters] if dead_letters else None
        self.queues[name] = MemoryQueue(name, visibility_s, letters, most_receives)

    def get_queue_url(self, QueueName: str) -> Answer:  # noqa: N803
        return {"QueueUrl": self._queue(QueueName, "GetQueueUrl").name}

    def send_message(
        self,
        QueueUrl: str,  # noqa: N803
        MessageBody: str,  # noqa: N803
        MessageAttributes: dict[str, Answer] | None = None,  # noqa: N803
    ) -> Answer:
        attributes = {name: value["StringValue"] for name, value in (MessageAttributes or {}).items()}
        message = Message(f"m{next(self._numbers)}", MessageBody, self._clock(), attributes=attributes)
        self._queue(QueueUrl, "SendMessage").messages[message.id] = message
        return {"MessageId": message.id}

    def receive_message(self, QueueUrl: str, MaxNumberOfMessages: int = 1, **_: Any) -> Answer:  # noqa: N803
        """The oldest visible ones. A receipt handle is the message's id: of one receive, like of the next."""
        queue = self._queue(QueueUrl, "ReceiveMessage")
        received: list[Message] = []
        for message in self.visible(queue):
            if queue.dead_letters and message.receives >= queue.most_receives:
                queue.dead_letters.messages[message.id] = queue.messages.pop(message.id)
            elif len(received) < MaxNumberOfMessages:
                message.receives += 1
                message.visible_at = self._clock() + queue.visibility_s
                received.append(message)
        return {"Messages": [_told(message) for message in received]} if received else {}

    def visible(self, queue: MemoryQueue) -> list[Message]:
        return [message for message in queue.messages.values() if message.visible_at <= self._clock()]

    def delete_message(self, QueueUrl: str, ReceiptHandle: str) -> Answer:  # noqa: N803
        self._queue(QueueUrl, "DeleteMessage").messages.pop(ReceiptHandle, None)
        return {}

    def change_message_visibility(self, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> Answer:  # noqa: N803
        message = self._queue(QueueUrl, "ChangeMessageVisibility").messages.get(ReceiptHandle)
        if message:
            message.visible_at = self._clock() + VisibilityTimeout
        return {}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> Answer:  # noqa: N803
        queue = self._queue(QueueUrl, "GetQueueAttributes")
        visible = len(self.visible(queue))
        counts = {
            "ApproximateNumberOfMessages": visible,
            "ApproximateNumberOfMessagesNotVisible": len(queue.messages) - visible,
            "ApproximateNumberOfMessagesDelayed": 0,
        }
        return {"Attributes": {name: str(counts[name]) for name in AttributeNames}}

    def _queue(self, name: str, operation: str) -> MemoryQueue:
        if name not in self.queues:
            raise refused("AWS.SimpleQueueService.NonExistentQueue", operation)
        return self.queues[name]


def _told(message: Message) -> Answer:
    told = {
        "MessageId": message.id,
        "ReceiptHandle": message.id,
        "Body": message.body,
        "Attributes": {"ApproximateReceiveCount": str(message.receives)},
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in message.attributes.items()}
    return told | ({"MessageAttributes": attributes} if attributes else {})


class Sns:
    """One topic, whose subscriptions take the messages that bear one of their values as the attribute `table`.

    `refuse` says of an entry whether this call shall fail for it, `lose` of a delivery whether it never arrives.
    """

    def __init__(self, sqs: Sqs) -> None:
        self._sqs = sqs
        self._subscriptions: list[tuple[str, set[str]]] = []
        self.refuse: Callable[[], bool] = lambda: False
        self.lose: Callable[[], bool] = lambda: False

    def subscribe(self, queue: str, filter_policy: str) -> None:
        self._subscriptions.append((queue, set(json.loads(filter_policy)["table"])))

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[Answer]) -> Answer:  # noqa: N803
        answer: Answer = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            if self.refuse():
                answer["Failed"].append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            for queue, tables in self._subscriptions:
                if entry["MessageAttributes"]["table"]["StringValue"] in tables and not self.lose():
                    self._sqs.send_message(queue, entry["Message"])
            answer["Successful"].append({"Id": entry["Id"]})
        return answer
