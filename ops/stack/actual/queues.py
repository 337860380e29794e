"""SNS and SQS."""

from collections.abc import Iterator

from ops.stack.actual.base import Answers, Line, judged


class QueueDifferences(Answers):
    def _attributes(self, kind: str, answers: str) -> Iterator[Line]:
        want = {name: thing["Attributes"] for name, thing in self.want(kind).items()}
        return judged(want, {name: thing["Attributes"] for name, thing in self.each(answers).items()})

    def topics(self) -> Iterator[Line]:
        return self._attributes("topics", "topics")

    def dead_letter_queues(self) -> Iterator[Line]:
        return self._attributes("dead_letter_queues", "queues")

    def queues(self) -> Iterator[Line]:
        return self._attributes("queues", "queues")

    def subscriptions(self) -> Iterator[Line]:
        return self._attributes("subscriptions", "subscriptions")
