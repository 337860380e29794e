"""Publish to an SNS topic."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from shared.aws.clients import Sleep, called, client
from shared.errors import AwsUnavailable

# SNS takes at most ten messages per call.
MOST_PER_CALL = 10
Entry = dict[str, Any]
"""One message as PublishBatch takes it; its `Id` is unique within a call of `publish_entries`."""


class SnsTopic:
    def __init__(self, arn: str, sns: Any = None, sleep: Sleep = time.sleep) -> None:
        self._arn = arn
        self._sns = sns or client("sns")
        self._sleep = sleep

    def publish(self, texts: Sequence[str], subject: str = "") -> None:
        """Publish every text at least once, or raise. `subject` is an e-mail's subject."""
        about = {"Subject": subject} if subject else {}
        self.publish_entries([{"Id": str(number), "Message": text} | about for number, text in enumerate(texts)])

    @property
    def has_confirmed_subscription(self) -> bool:
        """Return whether somebody has confirmed a subscription to the topic."""
        answer = called(
            "SNS",
            "listing subscriptions",
            lambda: self._sns.list_subscriptions_by_topic(TopicArn=self._arn),
            sleep=self._sleep,
        )
        return any(each["SubscriptionArn"].startswith("arn:") for each in answer["Subscriptions"])

    def publish_entries(self, entries: Sequence[Entry]) -> None:
        """Publish every entry at least once, or raise."""
        rest = iter(entries)
        while some := list(islice(rest, MOST_PER_CALL)):
            self._publish_all(some)

    def _publish_all(self, entries: list[Entry]) -> None:
        left = {entry["Id"]: entry for entry in entries}

        # A call can fail for some entries: only those are sent again.
        def send() -> None:
            answer = self._sns.publish_batch(TopicArn=self._arn, PublishBatchRequestEntries=list(left.values()))
            for sent in answer.get("Successful", ()):
                left.pop(sent["Id"])
            if left:
                raise AwsUnavailable("SNS", f"publishing {len(left)} of {len(entries)} messages", "in part")

        called("SNS", "publishing", send, sleep=self._sleep)
