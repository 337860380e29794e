"""The warehouse equals the oracle after the first load, and after each kind of change."""

import pytest

from local.ticker import KINDS
from tests.conftest import Ticks
from tests.road.road import Road

BY_HAND = {
    "a new currency": "INSERT INTO currency VALUES (4, 'JPY', now(), now())",
    "a payment turned paid, with last_updated": "UPDATE payment SET paid = NOT paid, last_updated = now() "
    "WHERE payment_id = 3",
    "a silent update of a purchase": "UPDATE purchase_order SET item_code = '0012345' WHERE purchase_order_id = 2",
    "a design moved": "UPDATE design SET file_location = '/tmp' WHERE design_id = 1",
    "a staff member moved": "UPDATE staff SET department_id = 1 + department_id % 8",
    "an address without its optional lines": "UPDATE address SET district = NULL, address_line_2 = NULL "
    "WHERE address_id = 1",
    "nasty texts": "UPDATE address SET address_line_1 = E'\\t\\\\N\\n\"''é😀', city = 'NA', phone = 'null' "
    "WHERE address_id = 2",
    "an empty text": "UPDATE counterparty SET counterparty_legal_name = '' WHERE counterparty_id = 1",
    "a payment deleted": "DELETE FROM payment WHERE payment_id = 5",
    "a table emptied": "TRUNCATE payment",
    "a key changed": "UPDATE payment SET payment_id = 100000 WHERE payment_id = 6",
    "a day far away": "UPDATE payment SET payment_date = '9999-12-31' WHERE payment_id = 7",
    "every row of a fact": "UPDATE sales_order SET units_sold = units_sold + 1",
}


@pytest.mark.fast
def test_after_the_first_load_and_each_change_of_the_ticking_source(road: Road, tick: Ticks) -> None:
    road.travel()
    assert road.differences() == {}
    for kind in KINDS:
        tick(kind)
        road.travel()
        assert road.differences() == {}, kind


@pytest.mark.parametrize("change", BY_HAND.values(), ids=list(BY_HAND))
def test_after_a_change_by_hand(road: Road, change: str) -> None:
    road.travel()
    road.source.run(change)
    road.travel()
    assert road.differences() == {}


def test_several_changes_in_one_run_and_runs_piled_up_before_one_load(road: Road, tick: Ticks) -> None:
    road.travel()
    for _ in range(4):
        tick(*KINDS)
        road.extract()
    road.deliver()
    road.load()
    assert road.differences() == {}


def test_a_changed_oracle_row_is_seen(road: Road) -> None:
    """The comparison can fail: in both directions, and on any column."""
    road.travel()
    road.there.run("UPDATE dim_staff SET first_name = first_name || '?' WHERE staff_id = 1")
    assert [row[0] for row in road.differences()["dim_staff"]] == ["missing", "extra"]
