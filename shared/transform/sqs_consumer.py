"""Consume a transform's SQS messages: each is done, retried later, or sent to the dead-letter queue."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from shared import log
from shared.aws.queue import Queue
from shared.errors import MayPass, PermanentError, Removed, TotestreamError, error_code
from shared.lake.documents import ChangeMessage, decode
from shared.retry import MAX_RECEIVES
from shared.transform.run import TransformOutcome, TransformResult
from shared.warehouse.registry import Target

# Half of the transient errors pass within seconds; a message waits at most a minute for the others.
FIRST_DELAY_S, LONGEST_DELAY_S = 5, 60
# With this delay MAX_RECEIVES receives outlast SPREADS_S.
LONGEST_SPREAD_S = 120
# A transform of one part, with its reading and writing, takes a few seconds: with less time left none is begun.
RESERVE_S = 15
# SQS takes 256 kB; a person reads a line or two.
LONGEST_REASON = 1000

PHRASES: Mapping[TransformOutcome, str] = {
    "made": "table was transformed",
    "exists": "duplicate message was skipped, the manifest exists",
    "not_expected": "message was skipped, the run brings nothing for the table",
}
"""The message of the log line, by outcome; programs read the line's `outcome`."""


class ReceivedMessage(NamedTuple):
    """A message that SQS delivered; `receives` counts its deliveries, this one included."""

    id: str
    receipt_handle: str
    body: str
    receives: int


def message_from(record: Mapping[str, Any]) -> ReceivedMessage:
    """Return the message in a record of an SQS event."""
    receives = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
    return ReceivedMessage(record["messageId"], record["receiptHandle"], record["body"], receives)


def delay_s(receives: int, error: Exception | None = None) -> int:
    """Return for how long a message is hidden after its `receives`th delivery failed: doubled each time."""
    # The exponent is bounded, since the number of receives is not.
    longest = LONGEST_SPREAD_S if isinstance(error, MayPass) else LONGEST_DELAY_S
    return min(FIRST_DELAY_S << min(receives, 10), longest)


@dataclass(frozen=True)
class SqsConsumer:
    """Consumes the messages of one target. `transform` transforms a run; `clock` returns seconds."""

    target: Target
    transform: Callable[[int], TransformResult]
    queue: Queue
    dead_letters: Queue
    clock: Callable[[], float]

    def consume(self, messages: Iterable[ReceivedMessage], time_left_s: Callable[[], float]) -> list[str]:
        """Consume each message; return the ids of those that SQS must deliver again. Raises nothing."""
        failed, done = [], set[int]()
        for message in messages:
            if time_left_s() < RESERVE_S:
                log.warning("message was released for lack of time, retry at once", table=self.target.name)
                self._release(message, 0)
                failed.append(message.id)
            elif not self._is_done(message, done):
                failed.append(message.id)
        return failed

    def _is_done(self, message: ReceivedMessage, done: set[int]) -> bool:
        """Return whether SQS can delete the message: its run is transformed, or it is in the dead-letter queue."""
        try:
            self._transform(message, done)
        except Removed as error:
            if self._run_of(message) > error.run:
                return self._dead_letter(message, error)
            # The run was loaded or superseded long ago.
            log.info("message was skipped, its run was removed", table=self.target.name, reason=str(error))
        except PermanentError as error:
            if not isinstance(error, MayPass) or message.receives >= MAX_RECEIVES:
                return self._dead_letter(message, error)
            self._back_off(message, error)
            return False
        except Exception as error:  # noqa: BLE001 - an exception that leaves the handler would fail the whole batch
            self._back_off(message, error)
            return False
        return True

    def _transform(self, message: ReceivedMessage, done: set[int]) -> None:
        # The message's table does not matter: the record says what the run brings for this target, and another version
        # of the code, with other sources, may have sent the message.
        run = self._run_of(message)
        if run in done:
            return
        started = self.clock()
        result = self.transform(run)
        log.info(PHRASES[result.outcome], **asdict(result), seconds=round(self.clock() - started, 3))
        done.add(run)

    def _run_of(self, message: ReceivedMessage) -> int:
        return decode(message.body, ChangeMessage, f"the message {message.id}").run

    def _dead_letter(self, message: ReceivedMessage, error: PermanentError) -> bool:
        """Send the message to the dead-letter queue with the reason. False when that failed and SQS must do it."""
        facts = {"table": self.target.name, "error": error.code, "reason": str(error)}
        log.error("message was sent to the dead-letter queue", **facts)
        # The dead letter is a new message, whose own count starts at 0.
        attributes = {"reason": str(error)[:LONGEST_REASON], "error": error.code}
        try:
            self.dead_letters.send(message.body, attributes | {"receives": str(message.receives)})
        except TotestreamError as failure:
            self._back_off(message, failure)
            return False
        return True

    def _back_off(self, message: ReceivedMessage, error: Exception) -> None:
        """Hide the message for a delay that grows with each receive; SQS itself makes it a dead letter at last."""
        facts = {"table": self.target.name, "error": error_code(error), "receives": message.receives}
        if isinstance(error, TotestreamError):
            log.warning("message will be retried", **facts, reason=str(error))
        else:
            # A bug. Its text may hold rows, so only its name is logged.
            log.error("transform failed unexpectedly, message will be retried", **facts)
        self._release(message, delay_s(message.receives, error))

    def _release(self, message: ReceivedMessage, seconds: int) -> None:
        try:
            self.queue.change_visibility(message.receipt_handle, seconds)
        except TotestreamError as error:
            # SQS delivers it again after the queue's own visibility timeout.
            log.warning("message could not be released early", table=self.target.name, reason=str(error))
