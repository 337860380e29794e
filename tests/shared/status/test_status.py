"""Where each warehouse table stands, as an operator sees it."""

from datetime import datetime, timedelta

import msgspec
import pytest

from shared.load.warehouse import Warehouse as LoadersWarehouse
from shared.source.request import Request
from shared.status.status import Status, TableStatus, status
from shared.warehouse.registry import TARGETS
from tests.conftest import Ticks
from tests.road.road import SCHEMA, Road

pytestmark = pytest.mark.fast


def status_of(road: Road, later_s: float = 0) -> Status:
    newest = road.run_log.newest()
    then = (newest.snapshot.taken_at if newest else datetime(2026, 1, 1)) + timedelta(seconds=later_s)
    with road.warehouse.connect() as connection:
        LoadersWarehouse(connection, SCHEMA)
        return status(road.run_log, connection, TARGETS, dict, lambda: then)


def table(found: Status, name: str) -> TableStatus:
    return next(each for each in found.tables if each.table == name)


def test_before_the_first_run_nothing_is_known(road: Road) -> None:
    found = status_of(road)
    assert (found.newest_run, found.loaded_run) == (0, 0)
    assert table(found, "dim_staff").freshness_s is None


def test_after_a_counted_run_expected_is_there(road: Road) -> None:
    road.extract(Request(cause="count", count=True))
    road.deliver()
    road.load()
    found = status_of(road)
    assert found.comparable
    assert {each.table: each.expected for each in found.tables} == {each.table: each.there for each in found.tables}
    assert all(each.expected is not None for each in found.tables)


def test_a_source_table_that_the_newest_record_does_not_know_has_no_number(road: Road) -> None:
    """The version before made one more run."""
    road.travel()
    newest = road.run_log.get(1)
    tables = {name: state for name, state in newest.tables.items() if name != "design"}
    assert road.run_log.commit(msgspec.structs.replace(newest, run=2, tables=tables, targets=()))
    assert table(status_of(road), "dim_design").expected is None
    assert table(status_of(road), "dim_staff").expected == 20


def test_a_missing_and_a_deleted_row_show(road: Road) -> None:
    road.travel()
    road.source.run("DELETE FROM payment WHERE payment_id = 5")
    road.travel()
    assert table(status_of(road), "fact_payment").there == table(status_of(road), "fact_payment").expected == 119
    road.there.run("DELETE FROM fact_payment WHERE payment_id = 6")
    assert table(status_of(road), "fact_payment").there == 118


def test_a_deleted_dimension_row_stays_and_is_not_counted(road: Road) -> None:
    road.source.run("INSERT INTO currency VALUES (4, 'JPY', now(), now())")
    road.travel()
    road.source.run("DELETE FROM currency WHERE currency_id = 4")
    road.travel()
    assert road.there.run("SELECT count(*) FROM dim_currency") == [[4]]
    assert table(status_of(road), "dim_currency").there == table(status_of(road), "dim_currency").expected == 3


def test_a_table_that_is_behind_ages_and_the_others_do_not(road: Road, tick: Ticks) -> None:
    road.travel()
    tick("payment", "design")
    road.extract()
    found = status_of(road, later_s=100)
    assert not found.comparable
    assert table(found, "fact_payment").behind == 1
    assert table(found, "dim_staff").behind == 0
    assert table(found, "dim_staff").freshness_s == 100.0
    behind = table(found, "fact_payment").freshness_s
    assert behind is not None and behind > 100.0


def test_a_quiet_table_stays_fresh(road: Road) -> None:
    """A look that found nothing newer is as good as a load."""
    road.travel()
    first = status_of(road, later_s=500)
    road.extract()
    second = status_of(road, later_s=500)
    assert table(first, "dim_staff").freshness_s == 500.0
    assert (table(second, "dim_staff").freshness_s or 0.0) < 500.0
