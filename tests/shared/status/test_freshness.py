"""How long a change took at least and at most, from looks at the source to what is visible; and how old tables are."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pg8000.native
import pytest

from conftest import SCHEMA
from ops.screens import freshness as shown
from shared.errors import NotYet
from shared.lake import keys
from shared.source.request import request_from_event
from shared.status.freshness import SLICES, SLOWEST, freshness
from shared.status.status import status
from shared.warehouse.registry import TARGETS
from tests.conftest import Ticks
from tests.road.road import Road

TENTHS = timedelta(seconds=0.2)
LONG_AGO = "'2020-01-01'"


def answer_of(road: Road, hours: int = 1) -> dict[str, Any]:
    with road.warehouse.connect() as connection:
        connection.run(f"SET search_path TO {SCHEMA}")
        return freshness(hours, connection)


def freshness_of(road: Road) -> dict[str, dict[str, Any]]:
    return {each.pop("table"): each for each in answer_of(road)["tables"]}


def bounds(road: Road, table: str, run: int) -> list[Any]:
    """changed_after, snapshot_at and left_out of a load."""
    [row] = road.there.run(
        "SELECT changed_after, snapshot_at, left_out FROM etl_freshness"
        " WHERE table_name = :table AND run = :run AND load_no = 0",
        table=table,
        run=run,
    )
    return list(row)


def newest_run(road: Road) -> int:
    return road.run_log.newest_number()


def snapshot(road: Road, run: int) -> datetime:
    return road.run_log.get(run).snapshot.taken_at


def clock(connection: pg8000.native.Connection) -> datetime:
    """The source's own, as a snapshot's time is read."""
    found: datetime = connection.run("SELECT clock_timestamp() AT TIME ZONE 'UTC'")[0][0]
    return found


def change(road: Road, key: int) -> None:
    """A silent edit: last_updated stays as it was, long ago."""
    road.source.run(f"UPDATE payment SET paid = NOT paid, last_updated = {LONG_AGO} WHERE payment_id = {key}")


# ---- the bounds


def test_a_silent_edit_is_measured_between_two_looks_also_when_the_first_found_nothing(road: Road) -> None:
    road.travel()
    assert road.extract().run is None
    road.source.run("SELECT pg_sleep(0.05)")
    change(road, 3)
    changed_at = clock(road.source)
    road.travel()
    after, taken_at, left_out = bounds(road, "fact_payment", 2)
    assert snapshot(road, 1) < after < changed_at <= taken_at == snapshot(road, 2)
    assert left_out is None
    [slowest] = freshness_of(road)["fact_payment"]["slowest"]
    assert 0 <= slowest["at_least_s"] <= slowest["at_most_s"] < 60


def test_a_long_transaction_counts_from_its_commit(road: Road) -> None:
    road.travel()
    other = road.totesys.owner()
    other.run(f"BEGIN; UPDATE payment SET paid = NOT paid, last_updated = {LONG_AGO} WHERE payment_id = 3")
    assert road.extract().run is None
    before_commit = clock(other)
    other.run("COMMIT")
    road.travel()
    after, taken_at, _ = bounds(road, "fact_payment", 2)
    assert snapshot(road, 1) < after < before_commit < taken_at


def test_without_the_last_look_s_words_the_newest_reading_counts(road: Road) -> None:
    road.travel()
    road.extract()
    boto3.client("s3").delete_object(Bucket=road.ingestion.name, Key=keys.EXTRACT_HEALTH)
    change(road, 3)
    road.travel()
    assert bounds(road, "fact_payment", 2)[0] == snapshot(road, 1)


def test_a_look_that_did_not_follow_the_newest_record_counts_for_nothing(road: Road) -> None:
    """Its records are gone, or its commit was lost: what it found is read again."""
    road.travel()
    road.extract()
    change(road, 3)
    road.extract()
    s3 = boto3.client("s3")
    for key in (keys.run_key(2), keys.published_key(2)):
        s3.delete_object(Bucket=road.ingestion.name, Key=key)
    road.topic.messages.clear()
    road.travel()
    assert bounds(road, "fact_payment", 2)[0] == snapshot(road, 1)


def test_a_table_that_was_held_was_not_looked_at(road: Road) -> None:
    road.travel()
    road.extract()
    road.source.run("ALTER TABLE payment RENAME paid TO was_paid")
    road.extract()
    change_while_held = clock(road.source)
    road.source.run("UPDATE payment SET was_paid = NOT was_paid WHERE payment_id = 3")
    road.extract()
    road.extract()
    road.source.run("ALTER TABLE payment RENAME was_paid TO paid")
    road.travel()
    after, taken_at, left_out = bounds(road, "fact_payment", newest_run(road))
    assert snapshot(road, 1) < after < change_while_held < taken_at
    assert left_out is None


@dataclass
class Story:
    """Writers, looks, losses and loads in an order of dice; each change is of a payment of its own."""

    road: Road
    dice: random.Random
    # By payment: the source's clock before and after its commit.
    commits: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    open_: dict[int, pg8000.native.Connection] = field(default_factory=dict)

    def begin(self) -> None:
        key = len(self.commits) + len(self.open_) + 1
        writer = self.road.totesys.owner()
        writer.run(f"BEGIN; UPDATE payment SET paid = NOT paid, last_updated = {LONG_AGO} WHERE payment_id = {key}")
        self.open_[key] = writer

    def commit(self) -> None:
        if self.open_:
            key = self.dice.choice(sorted(self.open_))
            writer = self.open_.pop(key)
            before = clock(writer)
            writer.run("COMMIT")
            self.commits[key] = (before, clock(writer))

    def look(self) -> None:
        # A busy machine may be slow to flush; the next look reads again.
        with suppress(NotYet):
            self.road.extract()

    def move(self) -> None:
        self.road.deliver()
        self.road.load()

    def forget(self) -> None:
        boto3.client("s3").delete_object(Bucket=self.road.ingestion.name, Key=keys.EXTRACT_HEALTH)

    def delete(self) -> None:
        """So that a batch is a full one."""
        self.road.source.run("DELETE FROM payment WHERE payment_id = (SELECT max(payment_id) FROM payment)")

    def run(self, steps: int) -> None:
        acts = [self.begin, self.commit, self.look, self.look, self.move, self.forget, self.delete]
        for _ in range(steps):
            self.dice.choices(acts, (4, 4, 3, 3, 2, 1, 1))[0]()
        while self.open_:
            self.commit()
        self.look()
        self.move()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2, 3))])
def test_every_change_was_committed_within_the_bounds_of_its_load(road: Road, seed: int) -> None:
    road.travel()
    story = Story(road, random.Random(seed))
    story.run(40)
    loads = road.there.run("""
        SELECT p.payment_id, f.changed_after, f.snapshot_at, f.left_out
        FROM fact_payment p
        JOIN etl_ledger l ON l.table_name = 'fact_payment' AND p.payment_record_id
            BETWEEN l.first_record_id AND l.last_record_id
        JOIN etl_freshness f USING (table_name, log_id, run, load_no)
        WHERE l.run > 1""")
    assert loads and {key for key, *_ in loads} == set(story.commits)
    for key, after, taken_at, left_out in loads:
        begun, ended = story.commits[key]
        assert left_out is None
        assert after < ended and begun < taken_at, key


# ---- what is no measure


def test_a_first_load_is_left_out(road: Road) -> None:
    road.travel()
    found = freshness_of(road)
    assert {each["loads"] for each in found.values()} == {0}
    assert {tuple(each["left_out"].items()) for each in found.values()} == {(("first load", 1),)}
    assert bounds(road, "fact_payment", 1)[2] == "first read"


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        ({"do": "resync", "tables": ["payment"]}, "resync"),
        ({"do": "resync", "tables": ["payment"], "keys": [3, 4]}, "resync"),
        ({"do": "reconcile", "tables": ["payment"]}, "reconcile"),
    ],
)
def test_what_a_person_asked_for_is_left_out_and_what_changed_beside_it_is_not(
    road: Road, event: dict[str, Any], cause: str
) -> None:
    road.travel()
    road.there.run("UPDATE fact_payment SET paid = NOT paid WHERE payment_id IN (3, 4)")
    road.source.run("UPDATE design SET design_name = 'x' WHERE design_id = 2")
    road.extract(request_from_event(event))
    road.deliver()
    road.load()
    found = freshness_of(road)
    assert (found["fact_payment"]["loads"], found["fact_payment"]["left_out"][cause]) == (0, 1)
    # Of a reference table a reconcile's ledger row has only the damage.
    assert found["dim_design"]["loads"] == (0 if cause == "reconcile" else 1)
    assert found["dim_design"]["left_out"] == {"first load": 1}


def test_what_had_changed_before_a_reconcile_is_measured(road: Road) -> None:
    road.travel()
    change(road, 3)
    road.extract(request_from_event({"do": "reconcile"}))
    road.deliver()
    road.load()
    assert bounds(road, "fact_payment", 2)[::2] == [snapshot(road, 1), None]
    assert bounds(road, "fact_payment", 3)[::2] == [None, "reconcile"]
    assert freshness_of(road)["fact_payment"]["loads"] == 1


def test_rows_read_under_a_new_declaration_are_left_out(road: Road) -> None:
    road.travel()
    road.targets = {**TARGETS, "dim_design": replace(TARGETS["dim_design"], fingerprint="f" * 16)}
    road.there.run("UPDATE dim_design SET design_name = 'other' WHERE design_id = 2")
    road.travel()
    found = freshness_of(road)["dim_design"]
    assert (found["loads"], found["left_out"]) == (0, {"first load": 1, "new declaration": 1})


def test_a_full_reading_for_a_deletion_or_a_new_server_is_measured(road: Road) -> None:
    road.travel()
    road.source.run("DELETE FROM payment WHERE payment_id = 3")
    road.travel()
    assert bounds(road, "fact_payment", 2)[::2] == [snapshot(road, 1), None]
    assert freshness_of(road)["fact_payment"]["loads"] == 1


def test_a_warehouse_that_is_filled_again_is_left_out(road: Road) -> None:
    road.travel()
    change(road, 3)
    road.travel()
    road.there.run(f"DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
    road.migrate()
    road.load()
    found = freshness_of(road)["fact_payment"]
    assert (found["loads"], found["left_out"]) == (0, {"first load": 2})


# ---- bounds of what comes by another run, or later


def test_a_full_batch_has_the_bounds_of_the_runs_that_it_supersedes(road: Road) -> None:
    road.travel()
    road.source.run("UPDATE design SET design_name = 'x' WHERE design_id = 2")
    road.extract()
    road.topic.messages.clear()
    road.source.run("UPDATE design SET design_name = 'y' WHERE design_id = 3")
    road.travel()
    assert bounds(road, "dim_design", 3)[::2] == [snapshot(road, 1), None]
    assert freshness_of(road)["dim_design"]["loads"] == 1


def test_a_full_batch_for_a_first_reading_that_was_lost_is_one_too(road: Road) -> None:
    road.extract()
    road.topic.messages = [message for message in road.topic.messages if message.table != "design"]
    road.source.run("UPDATE design SET design_name = 'y' WHERE design_id = 3")
    road.travel()
    assert bounds(road, "dim_design", 2)[::2] == [None, "first read"]


def test_rows_that_waited_count_from_their_own_run_s_looks(road: Road) -> None:
    road.travel()
    road.source.run("""
        INSERT INTO design SELECT 9001, now(), 'late', '/', 'late', now() FROM design LIMIT 1;
        UPDATE sales_order SET design_id = 9001 WHERE sales_order_id = (SELECT min(sales_order_id) FROM sales_order)""")
    road.extract()
    road.topic.messages = [message for message in road.topic.messages if message.table != "design"]
    road.deliver()
    road.load(patience_s=0)
    road.source.run("UPDATE design SET design_name = 'later' WHERE design_id = 9001")
    road.travel()
    [[load_no, after, left_out]] = road.there.run(
        "SELECT load_no, changed_after, left_out FROM etl_freshness"
        " WHERE table_name = 'fact_sales_order' AND load_no > 0"
    )
    assert (load_no, after, left_out) == (1, snapshot(road, 1), None)


# ---- the numbers


def loads_of(road: Road, number: int) -> None:
    """fact_payment: load n took n seconds at least and n + 1 at most, and came n half minutes ago."""
    road.there.run(f"""
        INSERT INTO etl_freshness (table_name, log_id, run, load_no, snapshot_at, changed_after, loaded_at)
        SELECT 'fact_payment', 'other', n, 0, (now() - n * interval '31 s') AT TIME ZONE 'UTC',
               (now() - n * interval '31 s' - interval '1 s') AT TIME ZONE 'UTC', now() - n * interval '30 s'
        FROM generate_series(1, {number}) n;
        INSERT INTO etl_ledger (table_name, log_id, run, load_no, status, inserted, loaded_at)
        SELECT 'fact_payment', 'other', n, 0, 'loaded', n % 101, now() FROM generate_series(1, {number}) n""")


def test_percentiles_course_and_the_slowest(road: Road) -> None:
    # The 101st has changed nothing.
    loads_of(road, 101)
    answer = answer_of(road)
    [found] = answer["tables"]
    assert (found["loads"], found["max_s"], found["p50_s"], found["p95_s"]) == (100, 101.0, 51.5, 96.0)
    assert len(found["course"]) == SLICES
    assert found["course"][-1] == 3.0 and max(filter(None, found["course"])) == 101.0
    assert [each["run"] for each in found["slowest"]] == list(range(100, 100 - SLOWEST, -1))
    first = found["slowest"][0]
    assert (first["at_least_s"], first["at_most_s"]) == (100.0, 101.0)
    assert (found["left_out"], answer["clocks_apart_s"]) == ({}, 0.0)


def test_a_load_that_a_version_before_has_written_is_not_known(road: Road) -> None:
    loads_of(road, 1)
    road.there.run("UPDATE etl_freshness SET changed_after = NULL")
    [found] = answer_of(road)["tables"]
    assert (found["loads"], found["left_out"]) == (0, {"not known": 1})


def test_clocks_that_differ_are_told_where_that_shows(road: Road) -> None:
    loads_of(road, 3)
    road.there.run("UPDATE etl_freshness SET snapshot_at = snapshot_at + interval '9 s'")
    assert answer_of(road)["clocks_apart_s"] == 8.0


def test_its_plot() -> None:
    course = [None, 0.0, 1.0, 4.0, 8.0]
    slowest = [{"run": 17, "loaded_at": "x", "at_least_s": 3.2, "at_most_s": 8.0}]
    numbers: dict[str, Any] = {
        "loads": 4,
        "p50_s": 2.5,
        "p95_s": 7.4,
        "max_s": 8.0,
        "slowest": slowest,
        "course": course,
    }
    none: dict[str, Any] = {"loads": 0, "p50_s": None, "p95_s": None, "max_s": None, "slowest": [], "course": []}
    tables = [
        {"table": "fact_payment", "left_out": {"first load": 1}} | numbers,
        {"table": "dim_design", "left_out": {"first load": 1, "resync": 2}} | none,
    ]
    assert shown.text({"hours": 24.0, "tables": tables, "clocks_apart_s": 2.5}).splitlines() == [
        "TABLE         LOADS  P50  P95  MAX  RUN  AT LEAST  THE LAST 24 HOURS, █ IS 8 s",
        "fact_payment      4  2 s  7 s  8 s   17       3 s  ·▁▂▅█",
        "dim_design        0    -    -    -    -         -  ",
        "loads left out, for what they brought may have changed long before: 2 first load, 2 resync",
        "the warehouse's clock is behind the source's by 2.5 s at least: so much is lacking of each number",
    ]
    quiet = shown.text({"hours": 2.0, "tables": [], "clocks_apart_s": 0.0})
    assert quiet == "nothing that had changed became visible in the last 2 hours"


# ---- how old a table is


def shows(road: Road) -> dict[str, datetime]:
    """As of when each table shows the source."""
    then = datetime.now(UTC).replace(tzinfo=None)
    tables = status(road.run_log, road.look, TARGETS, dict, lambda: then).tables
    return {each.table: then - timedelta(seconds=each.freshness_s or 0.0) for each in tables}


@pytest.mark.parametrize("stopped", ["extract", "transform", "load"])
def test_each_stage_that_stops_lets_it_grow_and_a_quiet_table_stays_fresh(
    road: Road, tick: Ticks, stopped: str
) -> None:
    road.travel()
    stages: dict[str, Callable[[], object]] = {"extract": road.extract, "transform": road.deliver, "load": road.load}
    seen: list[dict[str, datetime]] = []
    for _ in range(3):
        tick("payment")
        for stage, work in stages.items():
            if stage != stopped:
                work()
        seen.append(shows(road))
        # Freshness is told in tenths of seconds.
        time.sleep(0.3)
    first, last = seen[0], seen[-1]
    assert abs(last["fact_payment"] - first["fact_payment"]) < TENTHS
    # Without a look nobody knows that a quiet table is fresh; a look that found nothing for it says so.
    assert (last["dim_staff"] - first["dim_staff"] > TENTHS) == (stopped != "extract")
    road.travel()
    mended = shows(road)
    assert all(mended[table] - last[table] > TENTHS for table in ("fact_payment", "dim_staff"))
