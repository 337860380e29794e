"""Values that the warehouse cannot take, or that only look so: what becomes of the row, and of the rows beside it."""

from collections.abc import Iterable
from typing import Any

import pytest
from pg8000.exceptions import DatabaseError

from conftest import SCHEMA
from ops.events import quarantine_event
from shared.columns import LONGEST_TEXT
from shared.source.request import request_from_event
from shared.status.quarantined import quarantined
from shared.warehouse.registry import TARGETS
from tests.road.road import Road
from tests.soak import also_in_soak

LONG = 10 * 1024 * 1024


def payment(key: int, change: str) -> str:
    return f"UPDATE payment SET {change} WHERE payment_id = {key}"


def a_day(key: int) -> str:
    return payment(key, "payment_date = '2026-01-31'")


AN_ADDRESS = """
    UPDATE address SET address_line_2 = {}
    WHERE address_id = (SELECT legal_address_id FROM counterparty WHERE counterparty_id = 3)"""
# Where it is refused, what is done to the source, what mends it, and what the reason may say: each to other rows.
QUARANTINED = {
    "a day that never was": ("fact_payment", payment(11, "payment_date = '2024-02-30'"), a_day(11), "payment_date: "),
    "an empty day": ("fact_payment", payment(12, "payment_date = ''"), a_day(12), "payment_date: "),
    "a day in words": ("fact_payment", payment(13, "payment_date = 'top-secret'"), a_day(13), "payment_date: "),
    "an infinite time": (
        "fact_payment",
        payment(14, "last_updated = 'infinity'"),
        payment(14, "last_updated = '2026-01-31'"),
        "source column last_updated: a time that is infinite",
    ),
    "a time before all others": (
        "fact_payment",
        payment(15, "created_at = '-infinity'"),
        payment(15, "created_at = '2026-01-31'"),
        "source column created_at: a time that is infinite",
    ),
    "a time after the last that 64 bits of microseconds hold": (
        "fact_payment",
        payment(16, "created_at = '294276-12-31 23:59:59.999'"),
        payment(16, "created_at = '2026-01-31'"),
        "source column created_at: a time that is infinite or out of range",
    ),
    "a text too long": (
        "dim_design",
        f"UPDATE design SET file_location = repeat('x', {LONGEST_TEXT + 1}) WHERE design_id = 3",
        "UPDATE design SET file_location = '/there' WHERE design_id = 3",
        "source column file_location: a text longer than 12 MB",
    ),
    "a text too long where null may stand": (
        "dim_location",
        AN_ADDRESS.format(f"repeat('x', {LONGEST_TEXT + 1})"),
        AN_ADDRESS.format("'flat 7'"),
        "source column address_line_2: a text longer than 12 MB",
    ),
    "a text too long for its date": (
        "fact_payment",
        payment(17, f"payment_date = repeat('1', {LONGEST_TEXT + 1})"),
        a_day(17),
        "source column payment_date: a text longer than 12 MB",
    ),
    "NaN": (
        "fact_payment",
        payment(3, "payment_amount = 'NaN'"),
        payment(3, "payment_amount = 3.50"),
        "source column payment_amount: a value that numeric(10,2) cannot hold",
    ),
    "an unknown currency": (
        "dim_currency",
        "UPDATE currency SET currency_code = 'QQQ' WHERE currency_id = 3",
        "UPDATE currency SET currency_code = 'CHF' WHERE currency_id = 3",
        "currency_name: currency_code is not one this product knows",
    ),
    "no location": (
        "dim_staff",
        "UPDATE department SET location = NULL WHERE department_id IN (SELECT department_id FROM staff)",
        "UPDATE department SET location = 'Leeds'",
        "location: missing in the department of this row",
    ),
}
LOADED = {
    "a day far away": payment(21, "payment_date = '9999-12-31'"),
    "the greatest amount": payment(22, "payment_amount = 99999999.99"),
    "a time after the year 9999": payment(23, "last_updated = '10000-01-01'"),
    "one before Christ": payment(24, "created_at = '0044-03-15 12:00 BC', last_updated = '0044-03-15 BC'"),
    "the first of all days": """
        UPDATE sales_order SET created_at = '4713-11-24 BC', last_updated = '0001-12-31 23:59 BC'""",
    "the last time that 64 bits of microseconds hold": payment(
        25, "created_at = '294247-01-10 04:00:54.775', last_updated = '294247-01-10 00:00'"
    ),
    "an infinite time of which the warehouse has no column": "UPDATE currency SET created_at = '-infinity'",
    "10 MB of text": f"UPDATE design SET file_location = repeat('é', {LONG // 2}) WHERE design_id = 3",
    "a text like nothing": "UPDATE design SET design_name = E'\\\\N', file_name = E'\\\\0' WHERE design_id = 4",
    "texts like null": """
        UPDATE design SET design_name = 'NULL', file_name = 'None', file_location = 'nan' WHERE design_id = 5""",
    "an empty text": "UPDATE design SET design_name = '', file_location = ' ' WHERE design_id = 6",
}


def together_and_alone(named: Iterable[str]) -> pytest.MarkDecorator:
    """All in one story; each in one of its own, which shows which it was."""
    alone = [pytest.param([name], id=name) for name in named]
    return pytest.mark.parametrize("names", also_in_soak([pytest.param(list(named), id="together")], alone))


def entries(road: Road, source: str) -> list[dict[str, Any]]:
    with road.warehouse.connect() as connection:
        connection.run(f"SET search_path TO {SCHEMA}")
        found: list[dict[str, Any]] = quarantined(source, connection, TARGETS)["entries"]
        return found


def rows_of(road: Road, tables: Iterable[str]) -> dict[str, int]:
    return {name: (road.there.run(f"SELECT count(*) FROM {name}") or [[0]])[0][0] for name in tables}


@together_and_alone(QUARANTINED)
def test_a_bad_row_is_set_aside_with_its_reason_and_comes_back_once_mended(road: Road, names: list[str]) -> None:
    bad = [QUARANTINED[name] for name in names]
    tables = {table for table, *_ in bad}
    sources = sorted(TARGETS[table].sources[0] for table in tables)
    road.travel()
    before = rows_of(road, tables)
    for _, spoil, _, _ in bad:
        road.source.run(spoil)
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 4")
    [[paid]] = road.source.run("SELECT paid FROM payment WHERE payment_id = 4") or []
    road.travel()
    found = {source: entries(road, source) for source in sources}
    flat = [entry for source in sources for entry in found[source]]
    assert {entry["table"] for entry in flat} == tables and {entry["run"] for entry in flat} == {2}
    reasons = {(entry["table"], reason) for entry in flat for *_, reason in bad if reason in entry["reason"]}
    assert reasons == {(table, reason) for table, *_, reason in bad}
    assert all(any(reason in entry["reason"] for *_, reason in bad) and len(entry["reason"]) < 200 for entry in flat)
    keys = {entry["key"] for entry in flat if entry["table"] == "fact_payment"}
    assert len(keys) == sum(table == "fact_payment" for table, *_ in bad)
    assert not [word for word in ("2024-02-30", "top-secret", "QQQ") if word in repr(flat)]
    # The row beside it, of the same batch, has arrived; what stood there of the bad one stands.
    assert road.there.run("SELECT paid FROM current_fact_payment WHERE payment_id = 4") == [[paid]]
    assert rows_of(road, tables) == {table: count + (table == "fact_payment") for table, count in before.items()}
    # Mended, those rows alone are read afresh.
    for _, _, mend, _ in bad:
        road.source.run(mend)
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 5")
    for source in sources:
        event = quarantine_event(source, {"entries": found[source]})
        assert event is not None
        road.extract(request_from_event(event))
        road.deliver()
        road.load()
    assert road.differences() == {} and [entries(road, source) for source in sources] == [[]] * len(sources)


def test_what_a_joined_table_lost_is_not_taken_for_null(road: Road) -> None:
    road.source.run(AN_ADDRESS.format("'flat 6'"))
    road.travel()
    road.source.run(AN_ADDRESS.format(f"repeat('x', {LONGEST_TEXT + 1})"))
    road.travel()
    shown = "SELECT counterparty_legal_address_line_2 FROM dim_counterparty WHERE counterparty_id = 3"
    assert road.there.run(shown) == [["flat 6"]]
    assert "3" in {entry["key"] for entry in entries(road, "counterparty")}
    road.source.run(AN_ADDRESS.format("'flat 7'"))
    road.travel()
    assert road.there.run(shown) == [["flat 7"]]
    assert entries(road, "counterparty") == [] and road.differences() == {}


def test_what_is_still_bad_stays_in_quarantine_once_and_is_asked_for_by_key(road: Road) -> None:
    _, spoil, *_ = QUARANTINED["NaN"]
    road.travel()
    road.source.run(spoil)
    road.travel()
    event = quarantine_event("payment", {"entries": entries(road, "payment")})
    assert event == {"do": "resync", "tables": ["payment"], "keys": [3]}
    for run in (3, 4):
        assert road.extract(request_from_event(event)).rows == 1
        road.deliver()
        road.load()
        assert [(entry["key"], entry["run"]) for entry in entries(road, "payment")] == [("3", run)]


@together_and_alone(LOADED)
def test_an_odd_value_arrives_as_it_is(road: Road, names: list[str]) -> None:
    road.travel()
    for name in names:
        road.source.run(LOADED[name])
    road.travel()
    assert road.differences() == {}
    assert [entries(road, source) for source in ("payment", "design")] == [[], []]


def test_money_too_long_for_the_warehouse_holds_its_table_and_no_other(road: Road) -> None:
    """Eleven digits fit no numeric(10,2): the column's type has changed first, and that is what is seen."""
    road.travel()
    road.source.run("ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(13,2)")
    road.source.run("UPDATE payment SET payment_amount = 12345678901.00 WHERE payment_id = 3")
    road.source.run("UPDATE sales_order SET units_sold = 7 WHERE sales_order_id = 3")
    road.travel()
    newest = road.run_log.newest()
    assert newest is not None
    assert [name for name, state in newest.tables.items() if state.hold] == ["payment"]
    assert set(road.differences()) == {"fact_payment"}
    road.source.run("UPDATE payment SET payment_amount = 1.00 WHERE payment_id = 3")
    road.source.run("ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(10,2)")
    road.travel()
    assert road.differences() == {}


def test_no_null_character_can_come(road: Road) -> None:
    """PostgreSQL itself refuses it in a text: what is like it arrives (above), it cannot."""
    with pytest.raises(DatabaseError, match="22P05|22021|invalid byte|null character"):
        road.source.run("UPDATE design SET design_name = :text WHERE design_id = 3", text="a\x00b")
