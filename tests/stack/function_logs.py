"""What the deployed functions say."""

import time
from dataclasses import dataclass, field

from tests.stack.stack import LocalStack

# The last line of an invocation that lives to write it.
ENDS = (
    *("extraction done", "extraction failed", "load done", "load failed"),
    *("table was transformed", "message was skipped", "will be retried"),
)


@dataclass
class Logs:
    """What the functions say from now on."""

    stack: LocalStack
    since_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    def invocations(self, noun: str) -> list[list[str]]:
        """The lines of each invocation that has ended, one way or another."""
        pages = self.stack.aws("logs").get_paginator("filter_log_events")
        group = f"/aws/lambda/{self.stack.names.function(noun)}"
        found: dict[str, list[str]] = {}
        for page in pages.paginate(logGroupName=group, startTime=self.since_ms):
            for event in page["events"]:
                found.setdefault(event["logStreamName"], []).append(event["message"])
        return list(found.values())

    def say(self, noun: str, *words: str) -> bool:
        """Whether one line has all the words."""
        lines = [line for invocation in self.invocations(noun) for line in invocation]
        return any(all(word in line for word in words) for line in lines)

    def cut_short(self, noun: str) -> int:
        """How many invocations have a start and no end."""
        return sum(
            invocation[0].startswith("START") and not any(end in line for line in invocation for end in ENDS)
            for invocation in self.invocations(noun)
        )
