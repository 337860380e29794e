"""A prepared warehouse of another shape: each batch twice is once, what does not fit is set aside, and a deploy says
what differs with a way out that works."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.load.schema.inspector import shape_of
from tests.shared.load.ground import CREATED, RED, Ground, Row, full, sale
from tests.shared.load.test_migrate import bare

__all__ = ["bare"]
DROP_VIEWS = "DROP VIEW IF EXISTS current_fact_sale, history_fact_sale;"
COLOURS = (RED, (2, "blue"), (3, None))


def exact(key: int, note: str | None = "a note") -> Row:
    """A sale with a price and times that many types round."""
    row = list(sale(key, note, price=12_345 + key))
    row[2] = row[4] = timedelta(hours=12, minutes=34, seconds=56, microseconds=700_000 + key)
    return tuple(row)


SALES = (exact(1), exact(2, "Zoë"), exact(3, None))
DAYS = ((CREATED.replace(hour=0), "Sunday"),)


def prepared(ground: Ground, *statements: str) -> list[str]:
    """A warehouse whose tables were changed before the first load; what a deploy says of it."""
    ground.migrate()
    ground.there.run(";".join((DROP_VIEWS, *statements)))
    return ground.migrate().notes


def retyped(table: str, types: Mapping[str, str]) -> str:
    changes = ", ".join(f"ALTER {name} TYPE {type_} USING {name}::text::{type_}" for name, type_ in types.items())
    return f"ALTER TABLE {table} {changes}"


def load(ground: Ground, run: int, sales: Sequence[Row] = SALES) -> None:
    ground.run(run, dim_colour=full(*COLOURS), dim_day=full(*DAYS), fact_sale=full(*sales))
    outcome = ground.load()
    assert outcome.stopped == {}
    assert outcome.complete_run == run


def open_quarantine(ground: Ground) -> list[list[Any]]:
    return ground.ask("SELECT table_name, key, reason FROM etl_quarantine WHERE closed_at IS NULL ORDER BY 1, 2")


def way_out(line: str) -> str:
    return line.split("the way out: ")[1].removesuffix(", and deploy again")


ROUNDING = {
    "real": {"price": "real", "created_time": "time(0)", "created_date": "timestamp", "note": "char(40)"},
    "one decimal": {"price": "numeric(10,1)", "created_time": "time(3)", "created_date": "timestamptz", "note": "name"},
    "whole": {"price": "integer", "created_time": "timetz(0)", "created_date": "varchar(10)", "note": "varchar(40)"},
    "binary": {"price": "double precision", "created_time": "interval(0)", "sale_id": "double precision"},
    "texts": {"price": "varchar(12)", "created_time": "text", "created_date": "char(10)", "last_updated_date": "text"},
    "updated": {"price": "char(20)", "last_updated_time": "varchar(15)", "last_updated_date": "varchar(10)"},
    "small": {"price": "smallint", "sale_id": "smallint", "colour_id": "smallint", "last_updated_time": "time(1)"},
    "wide": {"price": "numeric", "sale_id": "bigint", "colour_id": "numeric", "note": "text"},
    "currency": {"price": "money", "sale_id": "numeric(12)", "created_date": "timestamp(0)"},
}
# Columns that hold every value exactly, and of which a deploy says nothing.
HARMLESS = {"binary": {"sale_id"}, "wide": {"price", "sale_id", "colour_id", "note"}, "currency": {"sale_id"}}


@pytest.mark.parametrize("name", ROUNDING)
def test_a_column_that_rounds_or_pads_adds_nothing_the_second_time(bare: Ground, name: str) -> None:
    types, harmless = ROUNDING[name], HARMLESS.get(name, set())
    said = prepared(bare, retyped("fact_sale", types))
    for run in (1, 2, 3):
        load(bare, run)
        assert bare.ask("SELECT count(*) FROM fact_sale") == [[3]]
    assert bare.ledger("fact_sale")["unchanged"] == 3
    assert open_quarantine(bare) == []
    assert {line.split()[0] for line in said} == {f"fact_sale.{name}" for name in types.keys() - harmless}
    assert bare.ask("SELECT count(*) FROM current_fact_sale") == [[3]]
    assert bare.ask("SELECT count(*) FROM history_fact_sale WHERE valid_from IS NOT NULL") == [[3]]


@pytest.mark.parametrize("types", ROUNDING.values(), ids=ROUNDING)
def test_the_way_out_makes_it_exact(bare: Ground, types: Mapping[str, str]) -> None:
    for line in prepared(bare, retyped("fact_sale", types)):
        bare.there.run(way_out(line))
    assert bare.migrate().notes == []
    for run in (1, 2):
        load(bare, run)
    assert bare.ask("SELECT price::text, created_time::text, note FROM fact_sale ORDER BY sale_id") == [
        ["123.46", "12:34:56.700001", "a note"],
        ["123.47", "12:34:56.700002", "Zoë"],
        ["123.48", "12:34:56.700003", None],
    ]


DIMENSIONS = {
    "padded": {"colour_id": "smallint", "name": "char(9)"},
    "limited": {"colour_id": "bigint", "name": "varchar(4)"},
    "numbers": {"colour_id": "numeric(6)", "name": "name"},
    "labels": {"colour_id": "double precision", "name": "label"},
    "domain": {"colour_id": "bigint", "name": "short"},
}


@pytest.mark.parametrize("types", DIMENSIONS.values(), ids=DIMENSIONS)
def test_a_dimension_is_written_once(bare: Ground, types: Mapping[str, str]) -> None:
    prepared(
        bare,
        "CREATE TYPE label AS ENUM ('red', 'blue')",
        "CREATE DOMAIN short AS varchar CHECK (length(VALUE) < 6)",
        retyped("dim_colour", types),
    )
    load(bare, 1)
    before = bare.ask("SELECT xmin::text, colour_id::int, rtrim(name::text) FROM dim_colour ORDER BY 2")
    assert [row[1:] for row in before] == [[1, "red"], [2, "blue"], [3, None]]
    load(bare, 2)
    assert bare.ask("SELECT xmin::text, colour_id::int, rtrim(name::text) FROM dim_colour ORDER BY 2") == before
    bare.run(3, dim_colour=full((1, "blue"), *COLOURS[1:]))
    bare.load()
    assert bare.ask("SELECT rtrim(name::text) FROM dim_colour WHERE colour_id = 1") == [["blue"]]


UNFIT = {
    "text": ({"note": "varchar(6)"}, exact(2, "far too long"), "note: the text is longer than the column", "22001"),
    "padded": ({"note": "char(6)"}, exact(2, "far too long"), "note: the text is longer than the column", "22001"),
    "amount": ({"price": "numeric(4,1)"}, (*exact(2)[:7], 999_999, "x"), "price: the number is beyond", "22003"),
    "small": ({"price": "smallint"}, (*exact(2)[:7], 4_000_000, "x"), "price: the number is beyond", "22003"),
    "key": ({"sale_id": "smallint"}, exact(40_000), "sale_id: the number is beyond the column's range", "22003"),
    "domain": ({"note": "short"}, exact(2, "far too long"), "short_check: a check, or the lack of a", "23514"),
}


@pytest.mark.parametrize(("types", "unfit", "reason", "state"), UNFIT.values(), ids=UNFIT)
def test_a_row_that_does_not_fit_is_set_aside_alone(
    bare: Ground, types: Mapping[str, str], unfit: Row, reason: str, state: str
) -> None:
    said = prepared(bare, "CREATE DOMAIN short AS varchar CHECK (length(VALUE) < 7)", retyped("fact_sale", types))
    assert "puts its row into quarantine" in said[0]
    for run in (1, 2, 3):
        load(bare, run, (exact(1), unfit, exact(3)))
        assert bare.ask("SELECT sale_id::int FROM fact_sale ORDER BY 1") == [[1], [3]]
        [[table, key, said_of_it]] = open_quarantine(bare)
        assert (table, key) == ("fact_sale", str(unfit[0]))
        assert said_of_it.startswith(f"the warehouse's table cannot hold it: {reason}")
        assert said_of_it.endswith(f"(SQLSTATE {state})")
        assert "far too long" not in said_of_it
        ledger = bare.ledger("fact_sale")
        assert (ledger["quarantined"], ledger["deleted"], ledger["unchanged"]) == (1, 0, 0 if run == 1 else 2)
    bare.there.run(way_out(said[0]))
    bare.migrate()
    load(bare, 4, (exact(1), unfit, exact(3)))
    assert len(bare.ask("SELECT FROM fact_sale")) == 3 if "price" not in types else 5
    assert open_quarantine(bare) == []


def test_a_loaded_row_whose_next_version_does_not_fit_is_not_deleted(bare: Ground) -> None:
    prepared(bare, retyped("fact_sale", {"note": "varchar(6)"}))
    load(bare, 1)
    load(bare, 2, (exact(1, "far too long"), *SALES[1:]))
    assert bare.current() == [(1, "a note"), (2, "Zoë"), (3, None)]
    assert bare.ask("SELECT FROM etl_deletion") == []
    load(bare, 3)
    assert open_quarantine(bare) == []
    assert len(bare.ask("SELECT FROM fact_sale")) == 3


def test_a_fact_waits_for_a_dimension_row_that_does_not_fit(bare: Ground) -> None:
    said = prepared(bare, retyped("dim_colour", {"name": "varchar(3)"}))
    load(bare, 1, (sale(1), sale(2, colour=2)))
    assert [row[:2] for row in open_quarantine(bare)] == [["dim_colour", "2"]]
    assert bare.current() == [(1, None)]
    assert bare.ask("SELECT key FROM etl_waiting") == [[2]]
    bare.there.run(way_out(said[0]))
    load(bare, 2, (sale(1), sale(2, colour=2)))
    assert bare.current() == [(1, None), (2, None)]


def test_what_waited_is_converted_when_it_is_released(bare: Ground) -> None:
    prepared(bare, retyped("fact_sale", {"price": "money", "created_time": "time(0)", "note": "varchar(6)"}))
    bare.run(1, fact_sale=full(exact(1), exact(2, "far too long")))
    bare.load()
    assert bare.current() == []
    bare.run(2, dim_colour=full(*COLOURS))
    bare.load()
    assert bare.current() == [(1, "a note")]
    assert [row[:2] for row in open_quarantine(bare)] == [["fact_sale", "2"]]
    load(bare, 3, (exact(1), exact(2, "far too long")))
    assert len(bare.ask("SELECT FROM fact_sale")) == 1
    assert len(open_quarantine(bare)) == 1
    assert bare.ask("SELECT FROM etl_waiting") == []


def test_many_rows_that_do_not_fit_are_found_at_once(bare: Ground) -> None:
    prepared(bare, retyped("fact_sale", {"note": "varchar(6)"}))
    load(bare, 1, [exact(key, "far too long" if key % 2 else "short") for key in range(1, 1001)])
    assert len(open_quarantine(bare)) == 500
    assert bare.ask("SELECT count(*) FROM fact_sale") == [[500]]


def test_a_table_as_declared_costs_one_question_more(bare: Ground) -> None:
    """And none of the statements that convert or try row by row."""
    bare.migrate()
    for target in bare.targets.values():
        shape = shape_of(bare.there.run, target.name)
        assert shape is not None
        assert not shape.converts(target) and not shape.refuses(target)
