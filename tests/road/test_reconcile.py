"""A reconcile names exactly what is not in the warehouse as in the source, mends it, and writes nothing else."""

from collections import defaultdict
from typing import Any

import boto3
import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import SCHEMA
from local.ticker import KINDS
from shared.catalogue import TABLES
from shared.lake import keys
from shared.lake.documents import RECONCILE
from shared.load.health import LoadHealth
from shared.source.request import ExtractRequest
from shared.status.runs import last_reconcile, run_facts
from shared.warehouse.registry import TARGETS
from tests.conftest import NewRoad, Ticks
from tests.road.road import TOLD, Road

WHOLE = ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE))
Names = dict[str, dict[str, list[str]]]

# What someone does to a row of the warehouse, or to the source, and how a reconcile calls it. Each has keys of its own.
FACT = "payment_record_id IN (SELECT max(payment_record_id) FROM fact_payment WHERE payment_id = {key})"
DAMAGE = {
    "a fact changed": ("fact_payment", "differing", f"UPDATE fact_payment SET payment_amount = -1 WHERE {FACT}"),
    "a fact's day": ("fact_payment", "differing", f"UPDATE fact_payment SET payment_date = '1999-01-01' WHERE {FACT}"),
    "a fact lost": ("fact_sales_order", "missing", "DELETE FROM fact_sales_order WHERE sales_order_id = {key}"),
    "a dimension changed": (
        "dim_design",
        "differing",
        "UPDATE dim_design SET design_name = '' WHERE design_id = {key}",
    ),
    "a joined one": ("dim_staff", "differing", "UPDATE dim_staff SET location = 'x' WHERE staff_id = {key}"),
    "a dimension lost": ("dim_transaction", "missing", "DELETE FROM dim_transaction WHERE transaction_id = {key}"),
}
DELETED = "DELETE FROM payment WHERE payment_id = 60 + {key}"
CALENDAR = """INSERT INTO dim_date SELECT '1999-01-01', 1999, 1, 1, 5, 'Friday', 'January', 1
              WHERE NOT EXISTS (SELECT FROM dim_date WHERE date_id = '1999-01-01')"""


def reconcile(road: Road) -> Names:
    """What one has named, by table."""
    run = road.extract(WHOLE).run
    assert run is not None
    road.deliver()
    road.load()
    with road.warehouse.connect() as connection:
        connection.run(f"SET search_path TO {SCHEMA}")
        facts = run_facts(run, road.run_log, road.manifests, connection)
        assert facts["complete"]
        assert last_reconcile(connection)["targets"] == sorted(facts["targets"], key=lambda each: each["table"])
    named = {each["table"]: each["named"] for each in facts["targets"] if each["named"]}
    for each in facts["targets"]:
        counts = {"differing": each["updated"], "missing": each["inserted"], "gone": each["deleted"]}
        assert {found: len(keys) for found, keys in each["named"].items()} == {k: n for k, n in counts.items() if n}
    return named


def moving_rows(road: Road) -> dict[str, dict[int, str]]:
    """The source's rows of which only what changed is read, by warehouse table and key."""
    return {
        table: dict(road.source.run(f"SELECT {source}_id, moving::text FROM {source} moving"))
        for table, source in (
            ("fact_payment", "payment"),
            ("fact_sales_order", "sales_order"),
            ("fact_purchase_orders", "purchase_order"),
            ("dim_transaction", "transaction"),
        )
    }


STORY = st.tuples(
    st.sets(st.tuples(st.sampled_from(sorted(DAMAGE)), st.integers(1, 14)), max_size=12),
    st.sets(st.integers(1, 19), max_size=4),
    st.lists(st.sampled_from(sorted(KINDS))),
)


# Reference tables come whole with what changed in them, a joined one's partner too.
WHOLE_WITH_CHANGES = ({("a dimension changed", 3), ("a joined one", 4)}, {5}, ["design", "department", "sale"])


@settings(TOLD, max_examples=3)
@example(story=WHOLE_WITH_CHANGES)
@given(story=STORY)
def test_exactly_what_was_damaged_is_named_and_mended_while_trade_goes_on(
    new_road: NewRoad, story: tuple[set[tuple[str, int]], set[int], list[str]]
) -> None:
    damages, deleted, trade = story
    with new_road() as road:
        # Before the foreign keys are there, which forbid to delete what facts name.
        road.extract()
        road.deliver()
        road.load()
        expected: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        road.there.run(CALENDAR)
        for name, key in sorted(damages):
            table, found, statement = DAMAGE[name]
            road.there.run(statement.format(key=key))
            expected[table][found].add(key)
        for key in sorted(deleted):
            road.source.run(DELETED.format(key=key))
            expected["fact_payment"]["gone"].add(60 + key)
        before = moving_rows(road)
        Ticks(road)(*trade)
        for table, rows in moving_rows(road).items():
            expected[table]["gone"] |= before[table].keys() - rows.keys()
            # What someone changed meanwhile was brought right by the change, which has come first.
            for found in ("differing", "missing"):
                expected[table][found] -= {key for key in before[table] if before[table][key] != rows.get(key)}
        named = reconcile(road)
        assert {
            table: {found: set(map(int, keys)) for found, keys in each.items()} for table, each in named.items()
        } == {table: there for table, found in expected.items() if (there := {f: ks for f, ks in found.items() if ks})}
        assert road.differences() == {}
        assert reconcile(road) == {}


def written(road: Road) -> dict[str, object]:
    """Every tuple of the warehouse's tables with all that PostgreSQL notes of who wrote or locked it."""
    return {
        name: road.there.run(f"SELECT ctid::text, xmin::text, xmax::text FROM {name} ORDER BY 1")
        for name in (*TARGETS, "etl_deletion", "etl_text_deletion", "etl_waiting", "etl_quarantine", "etl_difference")
    }


def test_where_nothing_differs_nothing_is_written(road: Road, tick: Ticks) -> None:
    road.travel()
    tick(*KINDS)
    road.travel()
    before = written(road)
    assert reconcile(road) == {}
    assert written(road) == before


def test_killed_between_its_two_records_it_leaves_nothing_undetected(road: Road, tick: Ticks) -> None:
    """What was deleted is left to the second record; without it the next run finds it."""
    road.travel()
    road.source.run("DELETE FROM payment WHERE payment_id = 5")
    tick("payment")
    first, second = WHOLE.parts
    assert first.left
    road.extract(first)
    road.deliver()
    road.load()
    assert set(road.differences()) == {"fact_payment"}
    road.travel()
    assert road.differences() == {}


def test_only_the_tables_that_were_asked_for(road: Road) -> None:
    road.travel()
    road.there.run("UPDATE dim_design SET design_name = ''")
    road.there.run("UPDATE dim_currency SET currency_name = ''")
    assert reconciled(road, "design") == {"dim_design"}
    assert set(road.differences()) == {"dim_currency"}
    assert reconciled(road, "currency") == {"dim_design", "dim_currency"}
    assert reconciled(road, "design") == {"dim_currency"}


def reconciled(road: Road, source: str) -> set[str]:
    """The tables that are said to have differed in the last reconcile of theirs."""
    road.extract(ExtractRequest(cause=RECONCILE, full={source: RECONCILE}))
    road.deliver()
    road.load()
    health = msgspec.json.decode(road.ingestion.get(keys.LOAD_HEALTH), type=LoadHealth)
    return {name for name, table in health.tables.items() if table.differing}


def test_what_was_loaded_last_may_be_lost(road: Road, tick: Ticks) -> None:
    """Then what has changed since is called damage too; what matters is mended."""
    road.travel()
    road.there.run("UPDATE dim_design SET design_name = '' WHERE design_id = 3")
    [part] = road.manifests.get(1, "dim_design").parts
    s3: Any = boto3.client("s3")
    s3.delete_object(Bucket=road.processed.name, Key=part.key)
    tick("design")
    named = reconcile(road)
    assert set(named) == {"dim_design"} and "3" in named["dim_design"]["differing"]
    assert road.differences() == {}
