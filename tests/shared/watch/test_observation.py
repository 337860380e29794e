"""The numbers that follow from one look, and how ages are counted."""

from dataclasses import replace

import msgspec
import pytest

from shared.lake.documents import TableState
from shared.load.health import Missing, TableHealth
from shared.warehouse.registry import TARGETS
from shared.watch.observation import metrics
from tests.shared.watch.test_incidents import OBJECTIVE, WELL, ago, load_health, plain, record

pytestmark = pytest.mark.fast

PAYMENT = TARGETS["fact_payment"]


def test_an_age_is_never_negative_and_the_objective_itself_is_not_too_old() -> None:
    """The source's clock may be ahead of watch's."""
    assert WELL.age_s(ago(-5)) == 0.0
    assert not WELL.is_too_old(ago(OBJECTIVE.total_seconds()))
    assert WELL.is_too_old(ago(OBJECTIVE.total_seconds() + 1))


def test_a_time_without_a_zone_is_utc() -> None:
    assert WELL.age_s(plain(ago(60))) == WELL.age_s(ago(60)) == 60.0


def test_what_the_loader_lacks_comes_before_what_it_has_not_seen() -> None:
    lacking = TableHealth(last_run=1, missing=Missing(2, plain(ago(400))))
    seen = replace(
        WELL,
        load=load_health(tables={"fact_payment": lacking}),
        pending=(record(8, 30, ("dim_staff",)), record(9, 20, ("fact_payment",)), record(10, 10, ("fact_payment",))),
    )
    assert seen.missing(PAYMENT) == lacking.missing
    unseen = replace(seen, load=load_health()).missing(PAYMENT)
    assert unseen is not None and unseen.run == 9


def test_only_a_table_that_is_not_read_is_held() -> None:
    newest = record(1, 60, holds={"payment": "paid is a text"})
    both = replace(WELL, newest=msgspec.structs.replace(newest, tables=newest.tables | {"staff": TableState()}))
    assert list(both.holds()) == ["payment"]
    assert metrics(both, 0)["TablesHeld"] == 1


def test_a_table_that_is_behind_is_as_fresh_as_what_was_loaded_last() -> None:
    assert WELL.fresh_as_of(PAYMENT) == plain(ago(30))
    behind = replace(WELL, pending=(record(2, 10, ("fact_payment",)),))
    assert behind.fresh_as_of(PAYMENT) == plain(ago(3600))


def test_the_numbers_are_of_all_tables() -> None:
    """The oldest of what is missing, and the rows of every table together."""
    tables = {
        "fact_payment": TableHealth(missing=Missing(2, plain(ago(400))), waiting=2, quarantined=3),
        "fact_sales_order": TableHealth(missing=Missing(3, plain(ago(100))), waiting=5, quarantined=7),
    }
    found = metrics(replace(WELL, load=load_health(tables=tables)), 0)
    assert (found["OldestMessageSeconds"], found["TablesBehind"]) == (400.0, 2)
    assert (found["RowsWaiting"], found["RowsQuarantined"]) == (7, 10)
