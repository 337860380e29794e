"""A fact's history is what an audit trigger of the source saw, collapsed to what a run could see."""

from collections import defaultdict
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.catalogue import TABLES
from shared.lake.documents import RECONCILE, RESYNC
from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS, Target
from tests.conftest import NewRoad
from tests.road.road import ORACLE, TOLD, Road

AUDIT = """
CREATE SCHEMA audit;
CREATE TABLE audit.change (id bigserial PRIMARY KEY, source text, key int, row jsonb);
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit.change (source, key, row)
  VALUES (TG_TABLE_NAME, (to_jsonb(coalesce(NEW, OLD)) ->> (TG_TABLE_NAME || '_id'))::int, to_jsonb(NEW));
  RETURN NULL;
END $$;
"""
FACTS = {"sales_order": "fact_sales_order", "purchase_order": "fact_purchase_orders", "payment": "fact_payment"}
Story = list[tuple[list[tuple[str, int]], str]]
Versions = list[tuple[datetime, Any]]
"""A key's states as runs saw them: the run's snapshot time, and the row or None."""

CHANGES = (
    "UPDATE payment SET paid = NOT paid WHERE payment_id = {key}",
    "UPDATE payment SET payment_amount = payment_amount WHERE payment_id = {key}",
    "UPDATE sales_order SET staff_id = 1 + staff_id % 20 WHERE sales_order_id = {key}",
    "UPDATE purchase_order SET item_code = 'A000000', last_updated = now() WHERE purchase_order_id = {key}",
    "DELETE FROM payment WHERE payment_id = {key}",
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = {key} ON CONFLICT DO NOTHING",
)


class Audit:
    """What the triggers saw, folded into each key's states at each run."""

    def __init__(self, road: Road) -> None:
        self._road, self._looked_to = road, 0
        self.versions: dict[tuple[str, int], Versions] = defaultdict(list)
        road.source.run(AUDIT)
        for table in FACTS:
            road.source.run(
                f"CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION audit.note()"
            )
            road.source.run(
                f"INSERT INTO audit.change (source, key, row) SELECT '{table}', {table}_id, to_jsonb(t) FROM {table} t"
            )

    def see(self) -> None:
        """Call it after each extraction: the keys' last states since the look before."""
        changes = self._road.source.run(
            "SELECT id, source, key, row FROM audit.change WHERE id > :id ORDER BY id", id=self._looked_to
        )
        newest = self._road.run_log.newest()
        assert newest is not None
        last = {(source, key): row for _, source, key, row in changes or []}
        for place, row in last.items():
            seen = self.versions[place]
            before = seen[-1][1] if seen else None
            if row != before:
                seen.append((newest.snapshot.taken_at, row))
        self._looked_to = max([self._looked_to, *(change[0] for change in changes or [])])


# What a person may ask for at any time, and nothing must come of it.
ASKED = {
    "whole": ExtractRequest(cause=RESYNC, full=dict.fromkeys(FACTS, RESYNC)),
    "keys": ExtractRequest(cause=RESYNC, keys={"payment": (1, 2, 3, 4), "sales_order": (1, 2)}),
    "reconcile": ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE)),
}
# A step of a story is what is committed before one run, as (change, key), and what else is odd about that run.
STEPS = st.tuples(
    st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(1, 4)), max_size=6),
    st.sampled_from(("", "", "", "whole", "keys", "reconcile", "not loaded")),
)
STORIES = st.lists(STEPS, min_size=2, max_size=10)
A_LONG_ONE = [([(change, 1)], "") for change in (*CHANGES[:1] * 3, *CHANGES[2:])]


@settings(TOLD, max_examples=2)
@example(story=A_LONG_ONE)
@given(story=STORIES)
def test_history_agrees_with_the_audit(new_road: NewRoad, story: Story) -> None:
    tell(new_road, story)


@pytest.mark.soak
@settings(TOLD, max_examples=600)
@given(story=STORIES)
def test_many_histories_agree_with_the_audit(new_road: NewRoad, story: Story) -> None:
    tell(new_road, story)


def tell(new_road: NewRoad, story: Story) -> None:
    with new_road() as road:
        road.source.run("CREATE TABLE kept AS SELECT * FROM payment")
        audit = Audit(road)
        road.travel()
        audit.see()
        for changes, oddity in story:
            for change, key in changes:
                road.source.run(change.format(key=key))
            road.extract(ASKED.get(oddity))
            audit.see()
            road.deliver()
            if oddity != "not loaded":
                road.load()
        road.load()
        for source, table in FACTS.items():
            assert_same_rows(road, audit, source, TARGETS[table])
            assert shown_times(road, TARGETS[table]) == expected_times(audit, source)
        if story is A_LONG_ONE:
            assert any(len(versions) > 5 for versions in audit.versions.values())


def test_a_b_a_is_three_records_and_a_repeat_adds_none(road: Road) -> None:
    road.travel()
    for paid in ("true", "false", "false", "true"):
        road.source.run(f"UPDATE payment SET paid = {paid} WHERE payment_id = 1")
        road.travel()
    was = road.there.run("SELECT paid FROM fact_payment WHERE payment_id = 1 ORDER BY payment_record_id") or []
    shown = [row[0] for row in was]
    assert shown[-3:] == [True, False, True]
    assert all(one != other for one, other in zip(shown, shown[1:], strict=False))


def assert_same_rows(road: Road, audit: Audit, source: str, target: Target) -> None:
    """The n-th record of each key is what the oracle makes of the n-th state that a run saw."""
    states = {key: present(versions) for (name, key), versions in audit.versions.items() if name == source}
    longest = max(map(len, states.values()), default=0)
    columns = ", ".join(column.name for column in target.columns)
    for number in range(longest):
        rows = [versions[number][1] for versions in states.values() if len(versions) > number]
        assert made_of(road, source, target, rows) == nth_records(road, target, columns, number + 1)


def present(versions: Versions) -> Versions:
    return [(at, row) for at, row in versions if row is not None]


def made_of(road: Road, source: str, target: Target, rows: list[Any]) -> list[list[Any]]:
    road.source.run("DROP TABLE IF EXISTS pg_temp.versions")
    road.source.run(f"CREATE TEMP TABLE versions (LIKE public.{source})")
    for row in rows:
        road.source.run(
            f"INSERT INTO versions SELECT * FROM jsonb_populate_record(NULL::public.{source}, CAST(:row AS jsonb))",
            row=row,
        )
    oracle = (ORACLE / f"{target.name}.sql").read_text().replace(f"public.{source}", "versions")
    return sorted(road.source.run(oracle.rstrip().rstrip(";")) or [])


def nth_records(road: Road, target: Target, columns: str, number: int) -> list[list[Any]]:
    return sorted(
        road.there.run(
            f"SELECT {columns} FROM (SELECT *, row_number() OVER (PARTITION BY {target.key}"
            f" ORDER BY {target.record_id}) AS number FROM {target.name}) AS numbered WHERE number = {number}"
        )
        or []
    )


def expected_times(audit: Audit, source: str) -> list[tuple[Any, ...]]:
    """(key, valid_from, valid_to, deleted) of each record."""
    found = []
    for (name, key), versions in audit.versions.items():
        for number, (at, row) in enumerate(versions):
            if name == source and row is not None:
                end = versions[number + 1] if number + 1 < len(versions) else (None, row)
                begun = at if number else datetime.fromisoformat(row["created_at"])
                found.append((key, begun, end[0], end[1] is None))
    return sorted(found, key=lambda one: one[:2])


def shown_times(road: Road, target: Target) -> list[tuple[Any, ...]]:
    rows = road.there.run(
        f"SELECT {target.key}, valid_from, valid_to, deleted_at IS NOT NULL FROM history_{target.name}"
    )
    return sorted((tuple(row) for row in rows or []), key=lambda one: one[:2])
