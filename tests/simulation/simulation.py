"""The whole product under one seed: its own code, AWS in memory, a real PostgreSQL, and whatever can go wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

from botocore.exceptions import ConnectionClosedError

from conftest import Database
from infra_bash.lib.wanted.queues import Queues
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.aws.topic import SnsTopic
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.load.loader import Outside as LoadOutside
from shared.load.loader import load_pass
from shared.load.memory import Memory
from shared.load.warehouse import Warehouse
from shared.source.extract import extract
from shared.source.request import Request
from shared.source.run import Outside
from shared.topology import MAX_RECEIVES, VISIBILITY_S
from shared.transform.deliveries import Deliveries, delivery_from
from shared.transform.run import Outcome as Transformed
from shared.transform.run import transform_run
from shared.warehouse.registry import TARGETS, Target
from shared.watch.watch import Outside as WatchOutside
from shared.watch.watch import watch
from tests.infra.stubs import NAMES, SETTINGS
from tests.road.road import SCHEMA, Invoked, Road
from tests.simulation.cloud import S3, Answer, Message, Sns, Sqs
from tests.simulation.databases import Host, SimulatedConnection
from tests.simulation.trade import Trade
from tests.simulation.world import Actor, Faulty, World

INGESTION, PROCESSED = (NAMES.bucket(noun) for noun in ("ingestion", "processed"))
GARBAGE = "not json"
# In a long story of a seed each stage runs some five times.
STEPS = 1000
MOST_ACTORS = 5
# Of what happens beside the stages' own steps; one costs half a second.
CRASHES = 0.02
# Nothing is ever given up for being late: that would rightly cost a fact's history.
FOREVER_S = 1e9
ROUNDS = 12
# One round of the drain takes some thousand.
MOST_STEPS = 20_000
FOREIGN_KEY_VIOLATION = "23503"


def cut_off() -> Exception:
    return ConnectionClosedError(endpoint_url="https://aws")


@dataclass
class Stage:
    """What an actor is given of the world: every call of it can be its last."""

    simulation: "Simulation"
    actor: Actor

    def bucket(self, name: str) -> S3Bucket:
        return S3Bucket(name, Faulty(self.actor, "s3", self.simulation.s3, cut_off), self.actor.sleep)

    def queue(self, name: str) -> SqsQueue:
        return SqsQueue(name, Faulty(self.actor, "sqs", self.simulation.sqs, cut_off), self.actor.sleep)

    def topic(self) -> SnsTopic:
        return SnsTopic(NAMES.topic_arn, Faulty(self.actor, "sns", self.simulation.sns, cut_off), self.actor.sleep)

    def open_source(self) -> SimulatedConnection:
        source = self.simulation.source
        return SimulatedConnection(self.actor, source.database.connect(), source.host, self.simulation.trade.look)

    def open_warehouse(self) -> SimulatedConnection:
        warehouse = self.simulation.warehouse
        return SimulatedConnection(self.actor, warehouse.database.connect(), warehouse.host)


class Place(NamedTuple):
    """A database and what it lies on."""

    database: Database
    host: Host


class Simulation:
    def __init__(self, seed: int, source: Place, warehouse: Place) -> None:
        self.world, self.source, self.warehouse = World(seed), source, warehouse
        self.s3, self.sqs = S3(), Sqs(lambda: self.world.seconds)
        self.sns = Sns(self.sqs)
        self.trade = Trade(self.world, source.database)
        self.functions = Invoked()
        self._ids = (f"{seed:08x}{number:024x}" for number in count(1))
        self._newest_seen: dict[str, int] = {}
        self._spoilt: dict[str, bytes] = {}
        self.refused: list[str] = []
        for name in (INGESTION, PROCESSED):
            self.s3.create_bucket(name)
        for name in TARGETS:
            self.sqs.make(NAMES.dead_letter_queue(name), VISIBILITY_S)
            self.sqs.make(NAMES.queue(name), VISIBILITY_S, NAMES.dead_letter_queue(name), MAX_RECEIVES)
        for request in dict(Queues(SETTINGS, TARGETS).subscriptions()).values():
            self.sns.subscribe(request["Endpoint"].rpartition(":")[2], request["Attributes"]["FilterPolicy"])
        dice = self.world.dice
        self.sns.refuse = lambda: self.world.faulty and dice.chance(0.01)
        self.sns.lose = lambda: self.world.faulty and self._counted("messages lost", 0.05)
        self.road = Road(
            source.database, warehouse.database, S3Bucket(INGESTION, self.s3), S3Bucket(PROCESSED, self.s3)
        )

    # ---- the stages, as actors

    def extract(self, request: Request | None = None) -> None:
        def work(actor: Actor) -> None:
            def sleep(seconds: float) -> None:
                actor.sleep(seconds)
                self.source.host.flush()

            stage = Stage(self, actor)
            outside = Outside(
                run_log=RunLog(stage.bucket(INGESTION)),
                topic=stage.topic(),
                open_source=stage.open_source,
                targets=TARGETS,
                stack=NAMES.prefix,
                code="simulated",
                new_id=lambda: next(self._ids),
                now=self._now,
                sleep=sleep,
                time_left_s=lambda: 300.0,
            )
            outcome = extract(request or Request(), outside)
            self.world.counts["runs"] += outcome.run is not None
            self.world.counts["lost races"] += outcome.busy
            self.world.tell(f"{actor.name}: {outcome}")

        self.world.start("extract", work)

    def deliver(self, target: Target, most: int = 3) -> bool:
        """What the queue hands over to its function; whether there was anything."""
        queue = NAMES.queue(target.name)
        received = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=most).get("Messages", [])
        if not received:
            return False
        self._note_order(target.name, received)
        if self.world.faulty and self._counted("duplicates", 0.1):
            self.sqs.change_message_visibility(queue, received[0]["ReceiptHandle"], 0)
        failed: list[str] = []

        def work(actor: Actor) -> None:
            failed.extend(self._deliveries(Stage(self, actor), target).take(map(_delivery, received), lambda: 300.0))

        def at_end() -> None:
            """Lambda deletes what did not fail; an acknowledgement can get lost."""
            for message in received:
                if message["MessageId"] not in failed and not self._acknowledgement_is_lost():
                    self.sqs.delete_message(queue, message["ReceiptHandle"])

        self.world.start(f"transform {target.name}", work, at_end)
        return True

    def load(self) -> None:
        def work(actor: Actor) -> None:
            stage = Stage(self, actor)
            with stage.open_warehouse() as connection:
                outside = LoadOutside(
                    warehouse=Warehouse(connection, SCHEMA),
                    ingestion=stage.bucket(INGESTION),
                    processed=stage.bucket(PROCESSED),
                    functions=self.functions,
                    migrate="migrate",
                    targets=TARGETS,
                    time_left_s=lambda: 300.0,
                    patience_s=FOREVER_S,
                )
                outcome = load_pass(outside, Memory(readers=1))
            self.world.counts["loads"] += outcome.loaded
            self.refused += [reason for reason in outcome.stopped.values() if FOREIGN_KEY_VIOLATION in reason]
            self.refused += self._orphans()
            self.world.counts["lost races"] += outcome.busy
            self.world.tell(f"{actor.name}: {outcome}")

        self.world.start("load", work)

    def watch(self) -> None:
        def work(actor: Actor) -> None:
            stage = Stage(self, actor)

            def messages_at(table: str) -> int:
                return sum(stage.queue(n).count() for n in (NAMES.queue(table), NAMES.dead_letter_queue(table)))

            outside = WatchOutside(
                run_log=RunLog(stage.bucket(INGESTION)),
                manifests=Manifests(stage.bucket(PROCESSED)),
                topic=stage.topic(),
                messages_at=messages_at,
                targets=TARGETS,
                now=self._now,
                patience=timedelta(0),
            )
            self.world.counts["asked again"] += len(watch(outside).asked_again)

        self.world.start("watch", work)

    def _orphans(self) -> list[str]:
        """Facts that name what a reader of the warehouse does not find."""
        found = []
        for target in TARGETS.values():
            for column, (dimension, key) in target.references.items():
                orphan = f"SELECT FROM {target.name} WHERE {column} NOT IN (SELECT {key} FROM {dimension}) LIMIT 1"
                if self.road.there.run(orphan):
                    found.append(f"{target.name}.{column} has an orphan")
        return found

    def _deliveries(self, stage: Stage, target: Target) -> Deliveries:
        ingestion, processed = stage.bucket(INGESTION), stage.bucket(PROCESSED)

        def transform(run: int) -> Transformed:
            return transform_run(
                target,
                run,
                run_log=RunLog(ingestion),
                ingestion=ingestion,
                processed=processed,
                manifests=Manifests(processed),
                code="simulated",
            )

        queue, letters = (stage.queue(n) for n in (NAMES.queue(target.name), NAMES.dead_letter_queue(target.name)))
        return Deliveries(target, transform, queue, letters, lambda: self.world.seconds)

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
        elif dice.chance(CRASHES):
            self._crash()
        else:
            whole = Request(full={dice.choice(("payment", "staff", "address")): "asked for"})
            # This one waits for another to end, and then wants the same number.
            patient = Request(cause="count", count=True)
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

    def _crash(self) -> None:
        """The source's server crashes, and is there again when the next one asks."""
        self.world.tell("the source crashes")
        self.world.counts["crashes"] += 1
        self.source.database.opened.close()
        self.source.host.crash()
        self.road.connect()
        self.trade.connect()

    def _note_order(self, table: str, received: list[Answer]) -> None:
        for message in received:
            if message["Body"] != GARBAGE:
                run = int(message["Body"].partition('"run":')[2].split(",")[0].rstrip("}"))
                self.world.counts["reorderings"] += run < self._newest_seen.get(table, 0)
                self._newest_seen[table] = max(run, self._newest_seen.get(table, 0))

    def _counted(self, what: str, share: float) -> bool:
        befell = self.world.dice.chance(share)
        self.world.counts[what] += befell
        return befell

    def _acknowledgement_is_lost(self) -> bool:
        return self.world.faulty and self._counted("acknowledgements lost", 0.05)

    def _now(self) -> datetime:
        """Real: it is compared with the source's own clock."""
        return datetime.now(UTC)

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


def _delivery(message: Answer):  # type: ignore[no-untyped-def]
    return delivery_from(
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
    )
