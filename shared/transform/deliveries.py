"""What becomes of each message that a transform's queue delivers: done, later, or to the dead letters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from shared import log
from shared.aws.queue import Queue
from shared.errors import MayPass, PermanentError, Removed, TotestreamError
from shared.lake.documents import ChangeMessage, decode
from shared.retry import MAX_RECEIVES
from shared.transform.run import TransformResult
from shared.warehouse.registry import Target

# Half of the errors that pass do so within seconds; a minute is all that anyone should wait for the others.
FIRST_DELAY_S, LONGEST_DELAY_S = 5, 60
# With this one the receives that there are outlast SPREADS_S.
LONGEST_SPREAD_S = 120
# A transform of one part, with its reading and writing, takes a few seconds: less than this is not begun.
RESERVE_S = 15
# SQS takes 256 kB; a person reads a line or two.
LONGEST_REASON = 1000


class Delivery(NamedTuple):
    """A received message; `receives` counts this time too."""

    id: str
    receipt_handle: str
    body: str
    receives: int


def delivery_from(record: Mapping[str, Any]) -> Delivery:
    """From a record of an SQS event."""
    receives = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
    return Delivery(record["messageId"], record["receiptHandle"], record["body"], receives)


def delay_s(receives: int, error: Exception | None = None) -> int:
    # No power beyond what is needed: receives have no bound of ours.
    longest = LONGEST_SPREAD_S if isinstance(error, MayPass) else LONGEST_DELAY_S
    return min(FIRST_DELAY_S << min(receives, 10), longest)


@dataclass(frozen=True)
class Deliveries:
    """Takes the messages of one target. `transform` does a run; `clock` counts seconds."""

    target: Target
    transform: Callable[[int], TransformResult]
    queue: Queue
    dead_letters: Queue
    clock: Callable[[], float]

    def take(self, deliveries: Iterable[Delivery], time_left_s: Callable[[], float]) -> list[str]:
        """Take each in turn; the ids of those that SQS must deliver again. Raises nothing."""
        again, done = [], set[int]()
        for delivery in deliveries:
            if time_left_s() < RESERVE_S:
                log.warning("message was given back for lack of time", table=self.target.name)
                self._give_back(delivery, 0)
                again.append(delivery.id)
            elif not self._is_settled(delivery, done):
                again.append(delivery.id)
        return again

    def _is_settled(self, delivery: Delivery, done: set[int]) -> bool:
        """Whether the message is done with: its run is transformed, or it is among the dead letters."""
        try:
            self._transform(delivery, done)
        except Removed as error:
            if self._run_of(delivery) > error.run:
                return self._bury(delivery, error)
            # The run is loaded, or superseded, long since.
            log.info("message is of a run that was removed", table=self.target.name, reason=str(error))
        except PermanentError as error:
            if not isinstance(error, MayPass) or delivery.receives >= MAX_RECEIVES:
                return self._bury(delivery, error)
            self._put_off(delivery, error)
            return False
        except Exception as error:  # noqa: BLE001 - the one place: nothing may leave, or SQS takes all for failed
            self._put_off(delivery, error)
            return False
        return True

    def _transform(self, delivery: Delivery, done: set[int]) -> None:
        # Its table is of no account: what the run brings this target is in the record, which another version wrote
        # perhaps, when the target was made of other tables.
        run = self._run_of(delivery)
        if run in done:
            return
        begun = self.clock()
        outcome = self.transform(run)
        fields = asdict(outcome)
        log.info(fields.pop("phrase"), **fields, seconds=round(self.clock() - begun, 3))
        done.add(run)

    def _run_of(self, delivery: Delivery) -> int:
        return decode(delivery.body, ChangeMessage, f"the message {delivery.id}").run

    def _bury(self, delivery: Delivery, error: PermanentError) -> bool:
        """Send it to the dead letters with the reason; False when that failed and the queue must do it."""
        facts = {"table": self.target.name, "error": type(error).__name__, "reason": str(error)}
        log.error("message was sent to the dead letters", **facts)
        # A dead letter is a message of its own: how often the first was taken goes with it.
        attributes = {"reason": str(error)[:LONGEST_REASON], "error": type(error).__name__}
        try:
            self.dead_letters.send(delivery.body, attributes | {"receives": str(delivery.receives)})
        except TotestreamError as failure:
            self._put_off(delivery, failure)
            return False
        return True

    def _put_off(self, delivery: Delivery, error: Exception) -> None:
        """Let it come again, later each time; after some receives the queue makes it a dead letter itself."""
        self._report(error, delivery)
        self._give_back(delivery, delay_s(delivery.receives, error))

    def _report(self, error: Exception, delivery: Delivery) -> None:
        facts = {"table": self.target.name, "error": type(error).__name__, "receives": delivery.receives}
        if isinstance(error, TotestreamError):
            log.warning("message was put off", **facts, reason=str(error))
        else:
            # A bug. Its text may hold rows: only its name is told.
            log.error("transform failed unexpectedly", **facts)

    def _give_back(self, delivery: Delivery, seconds: int) -> None:
        try:
            self.queue.change_visibility(delivery.receipt_handle, seconds)
        except TotestreamError as error:
            # It then comes back after the queue's own timeout.
            log.warning("message could not be given back early", table=self.target.name, reason=str(error))
