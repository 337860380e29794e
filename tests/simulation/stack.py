"""The whole product as actors: its own code, AWS in memory, a real PostgreSQL."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import NamedTuple

from botocore.exceptions import ConnectionClosedError

from conftest import SCHEMA, Database
from ops.stack.desired.queues import DesiredQueues
from ops.stack.topology import VISIBILITY_S
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.aws.topic import SnsTopic
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.load.loader import LoadDependencies, load_pass
from shared.load.memory import LoadMemory
from shared.load.warehouse import WarehouseSession
from shared.names import CHANGES
from shared.retry import MAX_RECEIVES
from shared.source.extract import extract
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies
from shared.transform.deliveries import Deliveries, Delivery, delivery_from
from shared.transform.run import TransformResult, transform_run
from shared.warehouse.registry import TARGETS, Target
from shared.watch.asking import RepublishDependencies, ask_again
from shared.watch.lake import WatchMemory, read_lake
from shared.watch.measures import Depths
from tests.infra.stubs import NAMES, SETTINGS
from tests.road.road import Invoked, Road
from tests.simulation.cloud import S3, Answer, Sns, Sqs
from tests.simulation.databases import Host, SimulatedConnection
from tests.simulation.trade import Trade
from tests.simulation.world import Actor, Faulty, World

INGESTION, PROCESSED = (NAMES.bucket(noun) for noun in ("ingestion", "processed"))
GARBAGE = "not json"
# Nothing is ever given up for being late: that would rightly cost a fact's history.
FOREVER_S = 1e9
# The worst moment: what a run has seen can be lost. One crash costs half a second.
CRASHES_AFTER_RUN = 0.2
# Some three transactions of each writer.
ACTS_AFTER_CRASH = 30
FOREIGN_KEY_VIOLATION = "23503"


def cut_off() -> Exception:
    return ConnectionClosedError(endpoint_url="https://aws")


@dataclass
class Stage:
    """What an actor is given of the world: every call of it can be its last."""

    stack: "Stack"
    actor: Actor

    def bucket(self, name: str) -> S3Bucket:
        return S3Bucket(name, Faulty(self.actor, "s3", self.stack.s3, cut_off), self.actor.sleep)

    def queue(self, name: str) -> SqsQueue:
        return SqsQueue(name, Faulty(self.actor, "sqs", self.stack.sqs, cut_off), self.actor.sleep)

    def topic(self) -> SnsChangeTopic:
        sns = Faulty(self.actor, "sns", self.stack.sns, cut_off)
        return SnsChangeTopic(SnsTopic(NAMES.topic_arn(CHANGES), sns, self.actor.sleep))

    def open_source(self) -> SimulatedConnection:
        source = self.stack.source
        return SimulatedConnection(self.actor, source.database.connect(), source.host, self.stack.trade.look)

    def open_warehouse(self) -> SimulatedConnection:
        warehouse = self.stack.warehouse
        return SimulatedConnection(self.actor, warehouse.database.connect(), warehouse.host)


class Place(NamedTuple):
    """A database and what it lies on."""

    database: Database
    host: Host


class Stack:
    def __init__(self, seed: int, source: Place, warehouse: Place) -> None:
        self.world, self.source, self.warehouse = World(seed), source, warehouse
        self.s3, self.sqs = S3(), Sqs(lambda: self.world.seconds)
        self.sns = Sns(self.sqs)
        self.trade = Trade(self.world, source.database)
        self.patience_s = FOREVER_S
        self.functions = Invoked()
        # What differs comes first: an attempt is the beginning of one.
        self._ids = (f"{number:08x}{seed:024x}" for number in count(1))
        self._newest_seen: dict[str, int] = {}
        self.refused: list[str] = []
        for name in (INGESTION, PROCESSED):
            self.s3.create_bucket(name)
        for name in TARGETS:
            self.sqs.make(NAMES.dead_letter_queue(name), VISIBILITY_S)
            self.sqs.make(NAMES.queue(name), VISIBILITY_S, NAMES.dead_letter_queue(name), MAX_RECEIVES)
        for request in dict(DesiredQueues(SETTINGS, TARGETS).subscriptions()).values():
            self.sns.subscribe(request["Endpoint"].rpartition(":")[2], request["Attributes"]["FilterPolicy"])
        self.sns.refuse = lambda: self.world.befalls("entries refused", 0.01)
        self.sns.lose = lambda: self.world.befalls("messages lost", 0.05)
        self.road = Road(
            source.database, warehouse.database, S3Bucket(INGESTION, self.s3), S3Bucket(PROCESSED, self.s3)
        )

    # ---- the stages, as actors

    def extract(self, request: ExtractRequest | None = None) -> None:
        def work(actor: Actor) -> None:
            def sleep(seconds: float) -> None:
                actor.sleep(seconds)
                self.source.host.flush()

            stage = Stage(self, actor)
            outside = ExtractDependencies(
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
            outcome = extract(request or ExtractRequest(), outside)
            self.world.counts["runs"] += outcome.run is not None
            self.world.counts["lost races"] += outcome.busy
            self.world.tell(f"{actor.name}: {outcome}")
            if outcome.run and self.world.befalls("crashes", CRASHES_AFTER_RUN):
                self.crash()

        self.world.start("extract", work)

    def crash(self) -> None:
        """The source's server crashes, and is there again when the next one asks."""
        self.world.tell("the source crashes")
        self.source.database.opened.close()
        self.source.host.crash()
        self.road.connect()
        self.trade.connect()
        # Its writers are sooner back than the next extraction, and are given the lost transactions' ids.
        for _ in range(ACTS_AFTER_CRASH):
            self.trade.act()

    def deliver(self, target: Target, most: int = 3) -> bool:
        """What the queue hands over to its function; whether there was anything."""
        queue = NAMES.queue(target.name)
        received = self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=most).get("Messages", [])
        if not received:
            return False
        self._note_order(target.name, received)
        if self.world.befalls("duplicates", 0.1):
            self.sqs.change_message_visibility(queue, received[0]["ReceiptHandle"], 0)
        failed: list[str] = []

        def work(actor: Actor) -> None:
            failed.extend(self._deliveries(Stage(self, actor), target).take(map(_delivery, received), lambda: 300.0))

        def at_end() -> None:
            """Lambda deletes what did not fail; an acknowledgement can get lost."""
            for message in received:
                if message["MessageId"] not in failed and not self.world.befalls("acknowledgements lost", 0.05):
                    self.sqs.delete_message(queue, message["ReceiptHandle"])

        self.world.start(f"transform {target.name}", work, at_end)
        return True

    def load(self) -> None:
        def work(actor: Actor) -> None:
            stage = Stage(self, actor)
            with stage.open_warehouse() as connection:
                outside = LoadDependencies(
                    warehouse=WarehouseSession(connection, SCHEMA),
                    ingestion=stage.bucket(INGESTION),
                    processed=stage.bucket(PROCESSED),
                    functions=self.functions,
                    migrate="migrate",
                    targets=TARGETS,
                    time_left_s=lambda: 300.0,
                    patience_s=self.patience_s,
                )
                outcome = load_pass(outside, LoadMemory(readers=1))
            self.world.counts["loads"] += outcome.loaded
            self.refused += [reason for reason in outcome.stopped.values() if FOREIGN_KEY_VIOLATION in reason]
            self.refused += self._orphans()
            self.world.counts["lost races"] += outcome.busy
            self.world.tell(f"{actor.name}: {outcome}")

        self.world.start("load", work)

    def watch(self) -> None:
        def work(actor: Actor) -> None:
            stage = Stage(self, actor)

            def depths(table: str) -> Depths:
                return Depths(*(stage.queue(n).count() for n in (NAMES.queue(table), NAMES.dead_letter_queue(table))))

            outside = RepublishDependencies(
                run_log=RunLog(stage.bucket(INGESTION)),
                manifests=Manifests(stage.bucket(PROCESSED)),
                topic=stage.topic(),
                depths=depths,
                targets=TARGETS,
                patience=timedelta(0),
            )
            memory = WatchMemory(LoadMemory(readers=1))
            lake = read_lake(outside.run_log, memory, self._now)
            self.world.counts["asked again"] += len(ask_again(outside, lake, memory).asked_again)

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

        def transform(run: int) -> TransformResult:
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

    def _note_order(self, table: str, received: list[Answer]) -> None:
        for message in received:
            if message["Body"] != GARBAGE:
                run = int(message["Body"].partition('"run":')[2].split(",")[0].rstrip("}"))
                self.world.counts["reorderings"] += run < self._newest_seen.get(table, 0)
                self._newest_seen[table] = max(run, self._newest_seen.get(table, 0))

    def _now(self) -> datetime:
        """Real: it is compared with the source's own clock."""
        return datetime.now(UTC)


def _delivery(message: Answer) -> Delivery:
    return delivery_from(
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
        }
    )
