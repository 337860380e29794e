"""Each warehouse table's rows from rows made by hand: the values, and what the warehouse must not take."""

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from shared.frames import Frame
from shared.transform.acceptance import Accepted, accept
from shared.warehouse.dim_date import dim_date
from shared.warehouse.registry import TARGETS
from tests.shared.transform.making import rows

pytestmark = pytest.mark.fast

NASTY = ["", "NA", "null", "NULL", r"\N", "nan", "0042", " a ", "tab\there", "two\nlines", "'\"`,;", "🧵é中"]


def made(target: str, *sources: Frame) -> Accepted:
    return accept(TARGETS[target].transform(*sources), TARGETS[target])


def only(target: str, *sources: Frame) -> dict[str, Any]:
    """The one row made, null as None."""
    good, quarantined = made(target, *sources)
    assert (len(good), len(quarantined)) == (1, 0)
    return {name: None if pd.isna(value) else value for name, value in good.iloc[0].items()}  # type: ignore[misc]


def refusals(target: str, *sources: Frame) -> list[tuple[str, str]]:
    good, quarantined = made(target, *sources)
    assert good.empty
    return [(str(key), str(reason)) for key, reason in quarantined.itertuples(index=False)]


CREATED_AND_UPDATED = {
    "created_date": datetime(2024, 2, 29),
    "created_time": timedelta(hours=24) - timedelta(milliseconds=1),
    "last_updated_date": datetime(2024, 3, 1),
    "last_updated_time": timedelta(0),
}


def test_a_payment() -> None:
    assert only("fact_payment", rows("payment", {"paid": True})) == CREATED_AND_UPDATED | {
        "payment_id": 1,
        "transaction_id": 2,
        "counterparty_id": 3,
        "payment_amount": 1_234_567_890,
        "currency_id": 4,
        "payment_type_id": 1,
        "paid": True,
        "payment_date": datetime(2024, 3, 4),
    }


def test_a_sale() -> None:
    assert only("fact_sales_order", rows("sales_order", {})) == CREATED_AND_UPDATED | {
        "sales_order_id": 1,
        "sales_staff_id": 3,
        "counterparty_id": 4,
        "units_sold": 99973,
        "unit_price": 399,
        "currency_id": 5,
        "design_id": 2,
        "agreed_payment_date": datetime(2024, 3, 4),
        "agreed_delivery_date": datetime(2024, 3, 6),
        "agreed_delivery_location_id": 6,
    }


def test_a_purchase() -> None:
    assert only("fact_purchase_orders", rows("purchase_order", {})) == CREATED_AND_UPDATED | {
        "purchase_order_id": 1,
        "staff_id": 2,
        "counterparty_id": 3,
        "item_code": "0012345",
        "item_quantity": 5,
        "item_unit_price": 332,
        "currency_id": 6,
        "agreed_delivery_date": datetime(2024, 3, 5),
        "agreed_payment_date": datetime(2024, 3, 4),
        "agreed_delivery_location_id": 7,
    }


def test_staff_with_their_department() -> None:
    departments = rows("department", {"department_id": 2, "department_name": "HR"}, {"location": "Leeds"})
    assert only("dim_staff", rows("staff", {}), departments) == {
        "staff_id": 1,
        "first_name": "Irving",
        "last_name": "O'Keefe",
        "department_name": "Sales",
        "location": "Leeds",
        "email_address": "irving.o'keefe@terrifictotes.com",
    }


def test_two_of_a_department_are_two_rows_in_their_own_order() -> None:
    staff = rows("staff", {"staff_id": 9}, {"staff_id": 3}, {"staff_id": 5})
    assert made("dim_staff", staff, rows("department", {})).good["staff_id"].tolist() == [9, 3, 5]


def test_staff_of_no_department_are_refused_and_not_dropped() -> None:
    reason = (
        "department_name: missing, or no department has this row's department_id; "
        "location: missing in the department of this row"
    )
    assert refusals("dim_staff", rows("staff", {"department_id": 7}), rows("department", {})) == [("1", reason)]


def test_staff_of_a_department_without_a_place_are_refused() -> None:
    departments = rows("department", {"location": None})
    assert refusals("dim_staff", rows("staff", {}), departments) == [
        ("1", "location: missing in the department of this row")
    ]


def test_a_counterparty_at_its_legal_address() -> None:
    addresses = rows("address", {"address_id": 2, "city": "Rome"}, {"district": "Avon"})
    assert only("dim_counterparty", rows("counterparty", {}), addresses) == {
        "counterparty_id": 1,
        "counterparty_legal_name": "Fahey and Sons",
        "counterparty_legal_address_line_1": "1 High St",
        "counterparty_legal_address_line_2": None,
        "counterparty_legal_district": "Avon",
        "counterparty_legal_city": "Ayr",
        "counterparty_legal_postal_code": "00012",
        "counterparty_legal_country": "Chad",
        "counterparty_legal_phone_number": "0042 000001",
    }


def test_a_counterparty_of_no_address_is_refused() -> None:
    [(key, reason)] = refusals("dim_counterparty", rows("counterparty", {"legal_address_id": 2}), rows("address", {}))
    assert key == "1"
    assert "counterparty_legal_city: missing, or no address has this row's legal_address_id" in reason
    assert "district" not in reason


def test_a_location() -> None:
    assert only("dim_location", rows("address", {"address_line_2": "Flat 2"})) == {
        "location_id": 1,
        "address_line_1": "1 High St",
        "address_line_2": "Flat 2",
        "district": None,
        "city": "Ayr",
        "postal_code": "00012",
        "country": "Chad",
        "phone": "0042 000001",
    }


@pytest.mark.parametrize(
    ("code", "name"), [("GBP", "Pound Sterling"), ("USD", "US Dollar"), ("EUR", "Euro"), ("JPY", "Yen")]
)
def test_a_currency_has_its_iso_name(code: str, name: str) -> None:
    found = only("dim_currency", rows("currency", {"currency_code": code}))
    assert found == {"currency_id": 1, "currency_code": code, "currency_name": name}


@pytest.mark.parametrize("code", ["", "gbp", "GBP ", "XXX", "£", "NA"])
def test_an_unknown_currency_is_refused_and_not_guessed(code: str) -> None:
    assert refusals("dim_currency", rows("currency", {"currency_code": code})) == [
        ("1", "currency_name: currency_code is not one this product knows")
    ]


def test_a_design() -> None:
    assert only("dim_design", rows("design", {})) == {
        "design_id": 1,
        "design_name": "Steel",
        "file_location": "/lib",
        "file_name": "steel.json",
    }


def test_a_payment_type() -> None:
    assert only("dim_payment_type", rows("payment_type", {})) == {
        "payment_type_id": 1,
        "payment_type_name": "SALES_RECEIPT",
    }


def test_a_transaction_of_a_deleted_order_has_neither_id() -> None:
    assert only("dim_transaction", rows("transaction", {"sales_order_id": None})) == {
        "transaction_id": 1,
        "transaction_type": "SALE",
        "sales_order_id": None,
        "purchase_order_id": None,
    }


@pytest.mark.parametrize("text", NASTY)
def test_any_text_is_kept_as_it_is(text: str) -> None:
    assert only("dim_design", rows("design", {"design_name": text}))["design_name"] == text


@pytest.mark.parametrize("name", TARGETS)
def test_no_rows_make_no_rows_of_the_declared_types(name: str) -> None:
    good, quarantined = made(name, *(rows(source) for source in TARGETS[name].sources))
    assert (len(good), len(quarantined)) == (0, 0)
    assert good.columns.tolist() == [column.name for column in TARGETS[name].columns]


ONE_BY_ONE = [name for name, target in TARGETS.items() if target.kind != "set" and not target.grouped]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_rows_are_made_one_by_one_from_the_first_source(name: str) -> None:
    first, *others = TARGETS[name].sources
    changes = [{TARGETS[name].key.replace("location", "address"): number} for number in (5, 3, 4)]
    whole = [rows(source, {}) for source in others]
    together = TARGETS[name].transform(rows(first, *changes), *whole)
    one_by_one = [TARGETS[name].transform(rows(first, change), *whole) for change in changes]
    pd.testing.assert_frame_equal(together, pd.concat(one_by_one, ignore_index=True))
    assert together[TARGETS[name].key].tolist() == [5, 3, 4]


def test_the_days_of_all_three_sources_once_each_in_order() -> None:
    sales = rows("sales_order", {"agreed_delivery_date": "2030-12-31"}, {})
    purchases = rows("purchase_order", {"agreed_payment_date": "2024-02-30"})
    payments = rows("payment", {"payment_date": "2021-08-01"})
    days = [f"{day:%Y-%m-%d}" for day in dim_date(sales, purchases, payments)["date_id"]]
    assert days == [
        "2021-08-01",
        "2024-02-29",
        "2024-03-01",
        "2024-03-04",
        "2024-03-05",
        "2024-03-06",
        "2030-12-31",
    ]


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("2024-09-01", (2024, 9, 1, 7, "Sunday", "September", 3)),
        ("2024-12-30", (2024, 12, 30, 1, "Monday", "December", 4)),
        ("2000-02-29", (2000, 2, 29, 2, "Tuesday", "February", 1)),
        ("9999-12-31", (9999, 12, 31, 5, "Friday", "December", 4)),
        ("0001-01-01", (1, 1, 1, 1, "Monday", "January", 1)),
    ],
)
def test_what_is_said_of_a_day(text: str, row: tuple[Any, ...]) -> None:
    days = dim_date(payment=rows("payment", {"payment_date": text}))
    found = days[days["date_id"] == datetime.fromisoformat(text)]
    assert tuple(found.iloc[0])[1:] == row


def test_a_set_can_do_without_any_one_source() -> None:
    assert len(dim_date(purchase_order=rows("purchase_order", {}))) == 4
