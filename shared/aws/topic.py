"""Publish to an SNS topic."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from shared.aws.clients import Sleep, called, client
from shared.errors import ServiceUnavailable

# SNS takes ten messages a call.
MOST_PER_CALL = 10
Entry = dict[str, Any]
"""One message as PublishBatch takes it; `Id` tells it from the others of the same `publish_entries`."""


class SnsTopic:
    def __init__(self, arn: str, sns: Any = None, sleep: Sleep = time.sleep) -> None:
        self._arn = arn
        self._sns = sns or client("sns")
        self._sleep = sleep

    def publish(self, texts: Sequence[str], subject: str = "") -> None:
        """Publish every text at least once, or raise. An e-mail gets `subject`."""
        about = {"Subject": subject} if subject else {}
        self.publish_entries([{"Id": str(number), "Message": text} | about for number, text in enumerate(texts)])

    def publish_entries(self, entries: Sequence[Entry]) -> None:
        """Publish every entry at least once, or raise."""
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
