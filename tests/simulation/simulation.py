"""The whole product under one seed, and whatever can go wrong."""

from conftest import SCHEMA
from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS
from tests.infra.stubs import NAMES
from tests.simulation.cloud import Message
from tests.simulation.stack import GARBAGE, INGESTION, PROCESSED, Place, Stack

# In a long story of a seed each stage runs some four times.
STEPS = 800
MOST_ACTORS = 5
# Of what happens beside the stages' own steps; one costs half a second.
CRASHES = 0.005
ROUNDS = 12
# One round of the drain takes some thousand.
MOST_STEPS = 20_000


class Simulation(Stack):
    """`live` is the story of a seed, `drain` its end."""

    def __init__(self, seed: int, source: Place, warehouse: Place) -> None:
        super().__init__(seed, source, warehouse)
        self._spoilt: dict[str, bytes] = {}

    # ---- the story

    def live(self, steps: int = STEPS) -> None:
        """All goes on at once, and anything can happen."""
        self.extract()
        for _ in range(steps):
            if self.world.actors and self.world.dice.chance(0.9):
                self.world.step()
            else:
                self._something_happens()

    def _something_happens(self) -> None:
        dice, actors = self.world.dice, self.world.actors
        if dice.chance(0.5) or len(actors) >= MOST_ACTORS:
            self.trade.act()
        elif dice.chance(0.06):
            self._spoil()
        elif self.world.befalls("crashes", CRASHES):
            self.crash()
        else:
            whole = ExtractRequest(full={dice.choice(("payment", "staff", "address")): "asked for"})
            # This one waits for another to end, and then wants the same number.
            patient = ExtractRequest(cause="count", count=True)
            dice.choice(
                (
                    self.extract,
                    self.load,
                    self.watch,
                    lambda: self.extract(dice.choice((whole, patient, patient, None))),
                    *[self._deliver_somewhere] * 12,
                )
            )()

    def _deliver_somewhere(self) -> None:
        targets = list(TARGETS.values())
        self.world.dice.shuffle(targets)
        next((target for target in targets if self.deliver(target)), None)

    def _spoil(self) -> None:
        """A batch's bytes are damaged for a while, or a message is none."""
        batches = sorted(key for key in self.s3.buckets[INGESTION] if key.startswith("batches/"))
        if batches and self.world.dice.chance(0.5):
            key = self.world.dice.choice(batches)
            body = self.s3.buckets[INGESTION][key]
            self._spoilt.setdefault(key, body)
            self.s3.buckets[INGESTION][key] = body[:-1] + bytes([body[-1] ^ 1])
            self.world.counts["poisoned batches"] += 1
        else:
            self.sqs.send_message(NAMES.queue(self.world.dice.choice(sorted(TARGETS))), GARBAGE)
            self.world.counts["poisoned messages"] += 1

    # ---- the end

    def drain(self) -> None:
        """The faults stop, what was spoilt is mended, and all goes its way until nothing is left to do."""
        self.world.faulty = False
        self._finish()
        self.trade.settle()
        self.s3.buckets[INGESTION] |= self._spoilt
        for _ in range(ROUNDS):
            before = self._state()
            self.extract()
            self._finish()
            self._deliver_all()
            self.watch()
            self._finish()
            self._deliver_all()
            self.load()
            self._finish()
            self.road.functions.calls += self.functions.calls
            self.functions.calls.clear()
            self.road.add_foreign_keys()
            if self._state() == before:
                return
        raise AssertionError(f"something is still going on after {ROUNDS} rounds")

    def _finish(self) -> None:
        for _ in range(MOST_STEPS):
            if not self.world.actors:
                return
            self.world.step()
        raise AssertionError(f"{[actor.name for actor in self.world.actors]} never end")

    def _deliver_all(self) -> None:
        """Dead letters are sent again, but for those that nobody could read."""
        for name, target in TARGETS.items():
            queue, letters = (self.sqs.queues[n] for n in (NAMES.queue(name), NAMES.dead_letter_queue(name)))
            again: list[Message] = [*queue.messages.values(), *letters.messages.values()]
            queue.messages = {m.id: Message(m.id, m.body, 0.0) for m in again if m.body != GARBAGE}
            letters.messages.clear()
            while self.deliver(target, most=10):
                self._finish()

    def _state(self) -> tuple[object, ...]:
        """All that is lasting, but for health."""
        objects = tuple(sorted(key for name in (INGESTION, PROCESSED) for key in self.s3.buckets[name]))
        ledger = self.road.there.run(f"SELECT count(*) FROM {SCHEMA}.etl_ledger")
        return objects, str(ledger)
