"""What never came is asked for again, and nothing else is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import boto3
import msgspec
import pytest

from shared.lake import keys
from shared.load.health import LoadHealth
from shared.warehouse.registry import TARGETS, Target
from shared.watch.asking import Asked, RepublishDependencies, ask_again
from shared.watch.lake import WatchMemory, read_lake
from shared.watch.measures import Depths
from shared.watch.watch import Dead, WatchHealth
from tests.conftest import Ticks
from tests.road.road import Heard, Road

PATIENCE = timedelta(minutes=10)


@dataclass
class Watching:
    """A watch over a road, some minutes after its last run; `messages` are those in a table's queues."""

    road: Road
    messages: dict[str, Depths] = field(default_factory=dict)
    topic: Heard = field(default_factory=Heard)

    targets: Mapping[str, Target] = field(default_factory=lambda: TARGETS)
    memory: WatchMemory = field(default_factory=WatchMemory)

    def look(self, minutes: int) -> Asked:
        newest = self.road.run_log.newest()
        assert newest is not None
        then = newest.snapshot.taken_at.replace(tzinfo=UTC) + timedelta(minutes=minutes)
        outside = RepublishDependencies(
            run_log=self.road.run_log,
            manifests=self.road.manifests,
            topic=self.topic,
            depths=lambda table: self.messages.get(table, Depths()),
            targets=self.targets,
            patience=PATIENCE,
        )
        return ask_again(outside, read_lake(self.road.run_log, self.memory, lambda: then), self.memory)

    def knows(self, count: int, at: datetime) -> None:
        """Watch has seen so many dead letters of fact_payment, and none more since."""
        health = WatchHealth(at=at, quiet_until=at, dead={"fact_payment": Dead(count, at)})
        self.road.ingestion.put(keys.WATCH_HEALTH, msgspec.json.encode(health))

    def asked(self) -> set[tuple[int, str]]:
        return {(message.run, message.table) for message in self.topic.messages}


def delete_manifest(road: Road, run: int, table: str) -> None:
    boto3.client("s3").delete_object(Bucket=road.processed.name, Key=keys.manifest_key(run, table))


@pytest.fixture
def watching(road: Road) -> Watching:
    road.extract()
    road.deliver()
    return Watching(road)


def test_nothing_is_asked_for_when_all_is_there(watching: Watching) -> None:
    health = watching.look(minutes=60)
    assert (health.complete_run, health.missing, watching.asked()) == (1, (), set())


def test_a_lost_message_is_published_again_after_its_time_and_not_before(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    assert watching.look(minutes=9).asked_again == ()
    assert watching.asked() == set()
    assert watching.look(minutes=11).asked_again == ((1, "dim_staff"),)
    assert watching.asked() == {(1, "staff")}
    watching.road.topic.messages = watching.topic.messages
    watching.road.deliver()
    assert watching.look(minutes=12).missing == ()


@pytest.mark.parametrize("dead", [0, 1])
def test_a_message_that_is_on_its_way_is_not_asked_for(watching: Watching, dead: int) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    watching.messages = {"dim_staff": Depths(1, dead)}
    health = watching.look(minutes=30)
    assert (health.missing, health.asked_again) == (((1, "dim_staff"),), ())


def test_a_dead_letter_keeps_no_other_lost_message_from_being_asked_for(watching: Watching, tick: Ticks) -> None:
    """An old one of another run lies there for good, and watch has seen it before the run came."""
    watching.messages = {"fact_payment": Depths(0, 1)}
    watching.knows(1, at=datetime.now(UTC))
    tick("payment")
    watching.road.extract()
    watching.road.topic.messages.clear()
    assert (2, "fact_payment") in watching.look(minutes=11).asked_again
    watching.messages = {"fact_payment": Depths(0, 2)}
    assert (2, "fact_payment") not in watching.look(minutes=12).asked_again
    watching.road.topic.messages = watching.topic.messages
    watching.road.deliver()
    found = watching.look(minutes=13)
    assert (found.missing, found.tried) == ((), ())


def test_a_lost_message_that_may_be_a_dead_letter_is_asked_for_after_an_hour(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    watching.messages = {"dim_staff": Depths(0, 1)}
    assert watching.look(minutes=59).asked_again == ()
    assert watching.look(minutes=61).asked_again == ((1, "dim_staff"),)


def test_what_fails_for_good_is_asked_for_ever_more_seldom(watching: Watching) -> None:
    """Each time it becomes a dead letter again."""
    delete_manifest(watching.road, 1, "dim_staff")
    asked = []
    for minute in range(20, 5 * 24 * 60, 60):
        if watching.look(minute).asked_again:
            asked.append(minute)
            watching.messages = {"dim_staff": Depths(0, len(asked))}
    assert asked == [20, 80, 140, 260, 500, 980, 1940, 3380, 4820, 6260]


def test_once_the_dead_letters_are_gone_it_is_asked_for_at_once(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    watching.messages = {"dim_staff": Depths(0, 1)}
    assert watching.look(minutes=12).asked_again == ()
    watching.messages = {}
    assert watching.look(minutes=13).asked_again == ((1, "dim_staff"),)


def test_while_the_flow_is_paused_nothing_is_asked_for(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    watching.road.ingestion.put(keys.PAUSED, b'{"since": "2026-11-25 12:00:00"}')
    health = watching.look(minutes=30)
    assert (health.missing, health.asked_again) == (((1, "dim_staff"),), ())
    watching.road.ingestion.put(keys.PAUSED, b"not json")
    assert watching.look(minutes=31).asked_again == ()


def test_what_a_full_batch_has_made_needless_is_not_missing(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_design")
    watching.road.source.run("UPDATE design SET file_location = '/tmp' WHERE design_id = 1")
    watching.road.extract()
    watching.road.deliver()
    assert watching.look(minutes=30).missing == ()


def test_a_full_batch_has_not_the_versions_of_a_facts_missing_run(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "fact_payment")
    watching.road.source.run("DELETE FROM payment WHERE payment_id = 1")
    watching.road.extract()
    watching.road.deliver()
    assert watching.look(minutes=30).asked_again == ((1, "fact_payment"),)


def test_a_delta_makes_nothing_needless(watching: Watching, tick: Ticks) -> None:
    delete_manifest(watching.road, 1, "fact_payment")
    tick("payment")
    watching.road.extract()
    watching.road.deliver()
    assert watching.look(minutes=30).missing == ((1, "fact_payment"),)


def test_a_table_of_the_next_version_is_left_for_its_watch(watching: Watching) -> None:
    delete_manifest(watching.road, 1, "dim_staff")
    watching.targets = {name: target for name, target in TARGETS.items() if name != "dim_staff"}
    health = watching.look(minutes=30)
    assert (health.complete_run, health.asked_again) == (0, ())
    watching.targets = TARGETS
    assert watching.look(minutes=31).asked_again == ((1, "dim_staff"),)


def test_a_table_that_the_version_before_made_of_others_is_asked_for_too(watching: Watching) -> None:
    watching.road.source.run("UPDATE department SET location = 'Ayr' WHERE department_id = 1")
    watching.road.extract()
    watching.targets = {**TARGETS, "dim_staff": replace(TARGETS["dim_staff"], sources=("staff",))}
    assert watching.look(minutes=30).asked_again == ((2, "dim_staff"),)
    assert watching.asked() == {(2, "staff")}


def test_the_next_look_begins_where_nothing_is_missing(watching: Watching) -> None:
    watching.look(minutes=1)
    kept = msgspec.json.decode(watching.road.ingestion.get(keys.ASKED), type=Asked)
    assert kept.complete_run == 1
    watching.road.ingestion.put(keys.ASKED, b"not json")
    assert watching.look(minutes=1).complete_run == 1


def test_at_rest_a_warm_watch_looks_for_no_manifest_and_what_is_put_back_it_asks_for(watching: Watching) -> None:
    """All of the stack is put back to a moment before the first run's transforms."""
    ingestion, newest = watching.road.ingestion, watching.road.run_log.newest()
    assert newest

    def load(complete_run: int) -> None:
        health = LoadHealth(datetime.now(UTC), newest.log, 1, complete_run, 0, {}, {}, seen_run=1)
        ingestion.put(keys.LOAD_HEALTH, msgspec.json.encode(health))

    load(1)
    assert watching.look(minutes=20) == Asked(1)
    delete_manifest(watching.road, 1, "dim_staff")
    ingestion.put(keys.ASKED, msgspec.json.encode(Asked(0)))
    # What is loaded needs no manifest.
    assert watching.look(minutes=21) == Asked(1)
    load(0)
    assert watching.look(minutes=22).asked_again == ((1, "dim_staff"),)
