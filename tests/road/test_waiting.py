"""Facts that name what a dimension has in quarantine: a key is never stuck, and no version appears that never was."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.catalogue import TABLES
from shared.lake.documents import RECONCILE, RESYNC
from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS, Target
from tests.conftest import NewRoad
from tests.road.road import TOLD, Road
from tests.road.test_history import FACTS, Audit, assert_same_rows, expected_times, shown_times

# Rows that a dimension refuses until they are mended: staff, designs and currencies 901 and 902.
BAD = (
    "ALTER TABLE design ALTER COLUMN file_name DROP NOT NULL",
    "INSERT INTO department SELECT id, 'd', NULL, 'm', now(), now() FROM unnest(ARRAY[901, 902]) id",
    "INSERT INTO staff SELECT (jsonb_populate_record(t, jsonb_build_object('staff_id', id, 'department_id', id))).*"
    " FROM staff t, unnest(ARRAY[901, 902]) id WHERE staff_id = 1",
    "INSERT INTO design SELECT (jsonb_populate_record(t, jsonb_build_object('design_id', id, 'file_name', NULL))).*"
    " FROM design t, unnest(ARRAY[901, 902]) id WHERE design_id = 1",
    "INSERT INTO currency SELECT id, 'QQQ', now(), now() FROM unnest(ARRAY[901, 902]) id",
)
STAFF = "UPDATE sales_order SET staff_id = {to} WHERE sales_order_id = {key}"
DESIGN = "UPDATE sales_order SET design_id = {to} WHERE sales_order_id = {key}"
CURRENCY = "UPDATE payment SET currency_id = {to} WHERE payment_id = {key}"
BUYER = "UPDATE purchase_order SET staff_id = {to} WHERE purchase_order_id = {key}"
PAID = "UPDATE payment SET paid = NOT paid WHERE payment_id = {key}"
DELETED = "DELETE FROM payment WHERE payment_id = {key}"
BACK = "INSERT INTO payment SELECT * FROM kept WHERE payment_id = {key} ON CONFLICT DO NOTHING"
NEW = (
    "INSERT INTO payment SELECT (jsonb_populate_record(k,"
    " jsonb_build_object('payment_id', 90000 + {key}, 'currency_id', {to}))).*"
    " FROM kept k WHERE payment_id = {key} ON CONFLICT DO NOTHING"
)
GONE = "DELETE FROM payment WHERE payment_id = 90000 + {key}"
MEND_STAFF = "UPDATE department SET location = 'Leeds' WHERE department_id = {to}"
MEND_DESIGN = "UPDATE design SET file_name = 'f.json' WHERE design_id = {to}"
MEND_CURRENCY = "UPDATE currency SET currency_code = 'CHF' WHERE currency_id = {to}"
CHANGES = (STAFF, DESIGN, CURRENCY, BUYER, PAID, DELETED, BACK, NEW, GONE, MEND_STAFF, MEND_DESIGN, MEND_CURRENCY)
ASKED = {
    "whole": ExtractRequest(cause=RESYNC, full=dict.fromkeys(FACTS, RESYNC)),
    "reconcile": ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE)),
}
# A step: the changes before one run, as (change, key, to), and what is odd about that run.
STEPS = st.tuples(
    st.lists(
        st.tuples(st.sampled_from(CHANGES), st.integers(1, 3), st.sampled_from((1, 2, 901, 901, 902))), max_size=6
    ),
    st.sampled_from(("", "", "patience passes", "patience passes", "whole", "reconcile", "dimensions later")),
)
Story = list[tuple[list[tuple[str, int, int]], str]]
STORIES = st.lists(STEPS, min_size=2, max_size=8)
A_LONG_ONE: Story = [
    ([(STAFF, 1, 901), (CURRENCY, 1, 901), (CURRENCY, 2, 902), (NEW, 1, 901), (NEW, 2, 902), (BUYER, 1, 901)], ""),
    ([(STAFF, 1, 2), (DELETED, 2, 1), (PAID, 1, 1), (GONE, 1, 1), (DESIGN, 2, 902)], ""),
    ([(MEND_CURRENCY, 1, 902), (BACK, 2, 1)], "dimensions later"),
    ([(DESIGN, 2, 1), (STAFF, 3, 902)], "patience passes"),
    ([(CURRENCY, 1, 2), (BUYER, 1, 902)], "reconcile"),
    ([(MEND_STAFF, 1, 901), (STAFF, 3, 901)], "patience passes"),
]


@settings(TOLD, max_examples=2)
@example(story=A_LONG_ONE)
@given(story=STORIES)
def test_histories_while_dimensions_are_in_quarantine(new_road: NewRoad, story: Story) -> None:
    tell(new_road, story)


@pytest.mark.soak
@settings(TOLD, max_examples=400)
@given(story=STORIES)
def test_many_histories_while_dimensions_are_in_quarantine(new_road: NewRoad, story: Story) -> None:
    tell(new_road, story)


def tell(new_road: NewRoad, story: Story) -> None:
    with new_road() as road:
        for statement in BAD:
            road.source.run(statement)
        road.source.run("CREATE TABLE kept AS SELECT * FROM payment")
        audit = Audit(road)
        road.travel()
        audit.see()
        for changes, oddity in story:
            for change, key, to in changes:
                road.source.run(change.format(key=key, to=to))
            road.extract(ASKED.get(oddity))
            audit.see()
            deliver(road, without=set(TABLES) - set(FACTS) if oddity == "dimensions later" else set())
            road.load(0 if oddity in ("patience passes", "dimensions later") else 600)
        road.deliver()
        road.load(patience_s=0)
        runs = {record.run: record.snapshot.taken_at for record in road.run_log.since(0)}
        left_out = kept_in(road, "etl_quarantine", runs) | kept_in(road, "etl_waiting", runs)
        for source, table in FACTS.items():
            assert_nothing_is_stuck(road, TARGETS[table])
            seen = all_but(audit, source, left_out)
            assert_same_rows(road, seen, source, TARGETS[table])
            assert shown_times(road, TARGETS[table]) == expected_times(seen, source)
        if story is A_LONG_ONE:
            assert kept_in(road, "etl_quarantine", runs) and kept_in(road, "etl_waiting", runs)


def deliver(road: Road, without: set[str]) -> None:
    """The messages of the tables `without` stay on their way."""
    messages = road.topic.messages
    road.topic.messages = [message for message in messages if message.table not in without]
    road.deliver()
    road.topic.messages = [message for message in messages if message.table in without]


Kept = set[tuple[str, int, datetime]]
"""Versions, as (warehouse table, key, the snapshot that found it)."""


def kept_in(road: Road, name: str, runs: Mapping[int, datetime]) -> Kept:
    versions = "" if name == "etl_quarantine" else 'AND "row" IS NOT NULL'
    rows = road.there.run(f"SELECT table_name, key::int, run FROM {name} WHERE table_name LIKE 'fact%' {versions}")
    return {(table, key, runs[run]) for table, key, run in rows or []}


def all_but(audit: Audit, source: str, left_out: Kept) -> Audit:
    """What the audit saw of one table without the versions that were left out."""
    kept = Audit.__new__(Audit)
    kept.versions = defaultdict(list)
    for (name, key), versions in audit.versions.items():
        if name == source:
            kept.versions[name, key] = collapsed([v for v in versions if (FACTS[source], key, v[0]) not in left_out])
    return kept


def collapsed(versions: list[tuple[datetime, Any]]) -> list[tuple[datetime, Any]]:
    """States that follow one another unchanged are one; a key that never came was never deleted either."""
    firsts = [next(group) for _, group in groupby(versions, key=lambda version: version[1])]
    return firsts[1:] if firsts and firsts[0][1] is None else firsts


def assert_nothing_is_stuck(road: Road, target: Target) -> None:
    """What waits lacks a dimension, and each key of which nothing waits is as in the source."""
    lacking = " OR ".join(
        f"""("row" ->> '{column}') IS NOT NULL
            AND NOT EXISTS (SELECT FROM {dimension} WHERE {key}::text = "row" ->> '{column}')"""
        for column, (dimension, key) in target.references.items()
    )
    waiting = road.there.run(
        f"""SELECT key, "row" IS NOT NULL AND ({lacking}) FROM etl_waiting WHERE table_name = '{target.name}'"""
    )
    assert all(lacks for _, lacks in waiting or [])
    waits = {key for key, _ in waiting or []}
    different = {row[1] for row in road.differences({target.name: target}).get(target.name, [])}
    assert different <= waits


SALE = "SELECT sales_staff_id FROM current_fact_sales_order WHERE sales_order_id = 1"


class TestTheRemedy:
    """Of the incident `rows waiting`: whatever a person mends in the source, it ends."""

    @pytest.fixture
    def stuck(self, road: Road) -> Road:
        """Sale 1 names staff 901, whom dim_staff has in quarantine. To read them again changes nothing in that."""
        for statement in BAD:
            road.source.run(statement)
        road.travel()
        road.source.run("UPDATE sales_order SET staff_id = 901 WHERE sales_order_id = 1")
        road.travel()
        for request in (
            ASKED["reconcile"],
            ExtractRequest(cause=RESYNC, full={"staff": RESYNC, "sales_order": RESYNC}),
        ):
            self.go(road, request)
        assert self.waiting(road) == [[1, 2]]
        return road

    def go(self, road: Road, request: ExtractRequest | None = None, patience_s: float = 0) -> None:
        road.extract(request)
        road.deliver()
        road.load(patience_s)

    def waiting(self, road: Road) -> list[list[Any]]:
        return road.there.run("SELECT key, run FROM etl_waiting") or []

    def test_the_dimension_s_row_is_mended(self, stuck: Road) -> None:
        stuck.source.run("UPDATE department SET location = 'Leeds' WHERE department_id = 901")
        self.go(stuck, patience_s=600)
        assert stuck.there.run(SALE) == [[901]]
        assert self.waiting(stuck) == []

    @pytest.mark.fast
    def test_the_fact_is_corrected(self, stuck: Road) -> None:
        stuck.source.run("UPDATE sales_order SET staff_id = 2 WHERE sales_order_id = 1")
        self.go(stuck, patience_s=600)
        assert len(self.waiting(stuck)) == 2
        self.go(stuck)
        assert stuck.there.run(SALE) == [[2]]
        assert self.waiting(stuck) == []
        said = "SELECT key, run, reason, closed_run - run FROM etl_quarantine WHERE table_name = 'fact_sales_order'"
        assert stuck.there.run(said) == [["1", 2, "sales_staff_id is not in dim_staff", 3]]

    @pytest.mark.parametrize("request_", [None, ASKED["reconcile"]], ids=["seen", "reconciled"])
    def test_the_fact_is_deleted(self, stuck: Road, request_: ExtractRequest | None) -> None:
        stuck.source.run("DELETE FROM sales_order WHERE sales_order_id = 1")
        self.go(stuck, request_)
        assert stuck.there.run(SALE) == []
        assert self.waiting(stuck) == []
        gone = "SELECT count(*) FROM history_fact_sales_order WHERE sales_order_id = 1 AND deleted_at IS NOT NULL"
        assert stuck.there.run(gone) == [[1]]

    @pytest.mark.parametrize("asked", ASKED)
    def test_the_fact_was_corrected_and_is_read_again(self, stuck: Road, asked: str) -> None:
        stuck.source.run("UPDATE sales_order SET staff_id = 2 WHERE sales_order_id = 1")
        self.go(stuck, ASKED[asked])
        assert stuck.there.run(SALE) == [[2]]
        assert self.waiting(stuck) == []
