"""Times that PostgreSQL has and Python has not, where they are counted, remembered and asked for."""

import pytest

from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS
from tests.road.asking import ask
from tests.road.road import Road

pytestmark = pytest.mark.fast

ODD = (
    "UPDATE payment SET created_at = '10000-01-01' WHERE payment_id = 1",
    "UPDATE payment SET last_updated = '0044-03-15 BC', created_at = '0044-03-15' WHERE payment_id = 2",
    "UPDATE payment SET created_at = 'infinity', last_updated = '-infinity' WHERE payment_id = 3",
    "UPDATE payment SET payment_date = '2023-02-29' WHERE payment_id = 4",
    "UPDATE payment SET payment_date = repeat('2024-02-29', 1000000) WHERE payment_id = 5",
    "UPDATE payment SET payment_date = '2024-02-29' WHERE payment_id = 6",
    "UPDATE payment SET payment_date = '0000-01-01' WHERE payment_id = 7",
    "UPDATE payment SET payment_date = '10000-01-01' WHERE payment_id = 8",
    "UPDATE payment SET payment_date = '٢٠٢٤-٠١-٠١' WHERE payment_id = 9",
)


def test_the_days_that_the_source_counts_are_those_of_dim_date(road: Road) -> None:
    for change in ODD:
        road.source.run(change)
    road.extract(ExtractRequest(cause="count", count=True))
    road.transform(1, TARGETS["dim_date"])
    record = road.run_log.get(1)
    assert record.expected is not None
    assert record.expected["dim_date"] == road.manifests.get(1, "dim_date").rows


@pytest.mark.parametrize("time", ["10000-01-01", "0044-03-15 BC", "4713-11-24 BC", "294246-12-31"])
def test_a_row_of_another_age_is_no_measure_of_freshness_and_can_be_asked_for(road: Road, time: str) -> None:
    road.travel()
    road.source.run(f"UPDATE payment SET created_at = '{time}', last_updated = '{time}' WHERE payment_id = 1")
    road.travel()
    newest = "SELECT newest_change_at IS NULL FROM etl_freshness WHERE table_name = 'fact_payment' ORDER BY run"
    assert road.there.run(newest) == [[False], [True]]
    found = ask(road, "payment", id="1")["arrivals"][0]["versions"]
    assert [(version["load"]["run"], version["valid_from"] is None) for version in found] == [(1, False), (2, False)]
    first = road.there.run("SELECT max(payment_record_id)::text FROM fact_payment WHERE payment_id = 1") or []
    assert ask(road, "fact_payment", id=first[0][0])["load"]["run"] == 2


def test_a_first_version_that_is_valid_from_another_age_is_told_without_it(road: Road) -> None:
    road.source.run("UPDATE payment SET created_at = '10000-01-01' WHERE payment_id = 1")
    road.source.run("UPDATE payment SET created_at = '0044-03-15 BC' WHERE payment_id = 2")
    road.travel()
    for key in ("1", "2"):
        [version] = ask(road, "payment", id=key)["arrivals"][0]["versions"]
        assert (version["load"]["run"], version["valid_from"]) == (1, None)
