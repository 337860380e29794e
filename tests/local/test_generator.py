"""The invented source has the traits of the real one."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from local.generator import Recipe, csv_texts, generate
from local.tables import COLUMNS

pytestmark = pytest.mark.fast

TODAY = date(2025, 3, 12)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def tables() -> dict[str, Rows]:
    whole = generate(Recipe(orders=5_000, seed=1, today=TODAY))
    return {table: [dict(zip(COLUMNS[table], row, strict=True)) for row in rows] for table, rows in whole.items()}


def orders(tables: dict[str, Rows]) -> Iterator[dict[str, Any]]:
    yield from tables["sales_order"]
    yield from tables["purchase_order"]


def moment(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["created_at"])


def days_to(row: dict[str, Any], column: str) -> int:
    return (date.fromisoformat(row[column]) - moment(row).date()).days


def test_the_same_recipe_gives_the_same_bytes(small: Recipe) -> None:
    assert csv_texts(small) == csv_texts(small)


def test_another_seed_gives_other_rows(small: Recipe) -> None:
    other = csv_texts(Recipe(small.orders, small.seed + 1, small.today))
    assert other["payment"] != csv_texts(small)["payment"]


@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_a_handful_of_orders_is_possible(count: int) -> None:
    made = generate(Recipe(count, 1, TODAY))
    assert len(made["transaction"]) == len(made["payment"]) == count


def test_the_tables_have_the_real_sizes_and_proportions(tables: dict[str, Rows]) -> None:
    static = {"address": 30, "counterparty": 20, "staff": 20, "department": 8, "payment_type": 4, "currency": 3}
    assert {table: len(tables[table]) for table in static} == static
    assert len(tables["transaction"]) == len(tables["payment"]) == 5_000
    assert 0.68 < len(tables["sales_order"]) / 5_000 < 0.73


def test_ids_are_gap_free_but_not_in_order_of_time(tables: dict[str, Rows]) -> None:
    for table, rows in tables.items():
        assert [row[COLUMNS[table][0]] for row in rows] == list(range(1, len(rows) + 1))
    moments = [moment(row) for row in tables["payment"]]
    back = [(before - after).total_seconds() for before, after in zip(moments, moments[1:], strict=False)]
    assert 0 < max(back) <= 0.018


def test_created_at_has_ties_and_payment_ids_part_from_transaction_ids(tables: dict[str, Rows]) -> None:
    assert len({row["created_at"] for row in tables["payment"]}) < len(tables["payment"])
    assert any(row["payment_id"] != row["transaction_id"] for row in tables["payment"])


def test_orders_arrive_on_working_days_on_minute_ticks_before_today(tables: dict[str, Rows]) -> None:
    opening = min(moment(row).date() for row in orders(tables))
    for row in orders(tables):
        made = moment(row)
        assert made.isoweekday() <= 5 and made.date() < TODAY
        if made.date() > opening:
            assert 8 <= made.hour <= 18 and 9.6 <= made.second + made.microsecond / 1e6 <= 10.5


def test_an_order_makes_transaction_and_payment_at_the_same_moment_for_the_exact_amount(
    tables: dict[str, Rows],
) -> None:
    sales = {row["sales_order_id"]: row for row in tables["sales_order"]}
    purchases = {row["purchase_order_id"]: row for row in tables["purchase_order"]}
    payments = {row["transaction_id"]: row for row in tables["payment"]}
    for transaction in tables["transaction"]:
        sale = transaction["transaction_type"] == "SALE"
        order = sales[transaction["sales_order_id"]] if sale else purchases[transaction["purchase_order_id"]]
        quantity, price = ("units_sold", "unit_price") if sale else ("item_quantity", "item_unit_price")
        payment = payments[transaction["transaction_id"]]
        assert order["created_at"] == transaction["created_at"] == payment["created_at"]
        assert Decimal(payment["payment_amount"]) == order[quantity] * Decimal(order[price])
        assert payment["payment_date"] == order["agreed_payment_date"]
        assert payment["payment_type_id"] == (1 if sale else 3)


def test_payments_turn_paid_on_the_mornings_they_are_due_all_at_one_moment(tables: dict[str, Rows]) -> None:
    moments: dict[str, set[str]] = {}
    for row in tables["payment"]:
        due = date.fromisoformat(row["payment_date"])
        paid = moment(row).date() < due < TODAY and due.isoweekday() <= 5
        assert row["paid"] == ("t" if paid else "f")
        if paid:
            moments.setdefault(row["payment_date"], set()).add(row["last_updated"])
        else:
            assert row["last_updated"] == row["created_at"]
    assert all(len(at) == 1 and min(at).startswith(f"{day} 07:55:") for day, at in moments.items())
    assert max(Counter(row["last_updated"] for row in tables["payment"] if row["paid"] == "t").values()) > 10


def test_some_orders_were_edited_and_their_last_updated_did_not_move(tables: dict[str, Rows]) -> None:
    edited = [row for row in orders(tables) if days_to(row, "agreed_delivery_date") > 7]
    assert 20 <= len(edited) <= 80
    assert max(days_to(row, "agreed_delivery_date") for row in edited) <= 650
    assert all(row["created_at"] == row["last_updated"] for row in orders(tables))


def test_dates_keep_their_distance(tables: dict[str, Rows]) -> None:
    assert {days_to(row, "agreed_payment_date") for row in orders(tables)} == set(range(7))
    assert set(range(8)) <= {days_to(row, "agreed_delivery_date") for row in orders(tables)}


def test_a_sale_refers_to_a_design_that_exists(tables: dict[str, Rows]) -> None:
    assert {row["design_id"] for row in tables["sales_order"]} <= {row["design_id"] for row in tables["design"]}


@pytest.mark.parametrize(
    ("table", "column", "pattern"),
    [
        ("address", "phone", r"\d{4} \d{6}"),
        ("address", "postal_code", r"\d{5}(-\d{4})?"),
        ("purchase_order", "item_code", r"[A-Z0-9]{7}"),
        ("staff", "email_address", r"[a-z'-]+\.[a-z'-]+@terrifictotes\.com"),
        ("design", "file_name", r"[a-z]+-\d{8}-[a-z0-9]{4}\.json"),
        ("payment", "payment_amount", r"\d{1,8}\.\d{2}"),
        ("payment", "created_at", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"),
    ],
)
def test_formats_are_the_real_ones(tables: dict[str, Rows], table: str, column: str, pattern: str) -> None:
    assert all(re.fullmatch(pattern, row[column]) for row in tables[table])


def test_the_awkward_values_occur(tables: dict[str, Rows]) -> None:
    codes = [row["item_code"] for row in tables["purchase_order"]]
    assert any(code.isdecimal() for code in codes) and any(code.startswith("0") for code in codes)
    assert any("'" in row["email_address"] for row in tables["staff"])
    assert any(not row["country"].isascii() for row in csv_countries())
    for column in ("address_line_2", "district"):
        assert 0 < sum(row[column] is None for row in tables["address"]) < 30


def csv_countries() -> Rows:
    """Addresses of several seeds: thirty of the thirty-two countries are drawn each time."""
    drawn = [row for seed in range(3) for row in generate(Recipe(0, seed, TODAY))["address"]]
    return [dict(zip(COLUMNS["address"], row, strict=True)) for row in drawn]
