"""The age of what a load makes visible, from the source's own last_updated to the ledger."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra_bash.lib import freshness as shown
from shared.status.freshness import LONGEST_S, SLICES, freshness
from shared.status.status import status
from shared.warehouse.registry import TARGETS
from tests.conftest import Ticks
from tests.road.road import SCHEMA, Road

pytestmark = pytest.mark.fast

TENTHS = timedelta(seconds=0.2)


def change(road: Road, table: str, key: int, ago: timedelta) -> None:
    """A row changes, and says that it did so a while ago."""
    at = datetime.now(UTC).replace(tzinfo=None) - ago
    road.source.run(f"UPDATE {table} SET last_updated = :at WHERE {table}_id = {key}", at=at)


def freshness_of(road: Road, hours: int = 1) -> dict[str, dict[str, Any]]:
    with road.warehouse.connect() as connection:
        connection.run(f"SET search_path TO {SCHEMA}")
        return {each.pop("table"): each for each in freshness(hours, connection)["tables"]}


def test_the_age_of_each_tables_newest_change_is_kept(road: Road) -> None:
    road.travel()
    assert freshness_of(road) == {}  # what has long been there is no measure of the road
    change(road, "payment", 3, timedelta(seconds=40))
    change(road, "payment", 4, timedelta(seconds=90))
    road.source.run("UPDATE design SET design_name = 'x', last_updated = now() AT TIME ZONE 'UTC' WHERE design_id = 2")
    road.travel()
    found = freshness_of(road)
    # A payment says the day of its last update, which is a new one.
    assert set(found) == {"fact_payment", "dim_date", "dim_design"}
    assert 40 <= found["fact_payment"]["max_s"] < 60
    assert 0 <= found["dim_design"]["max_s"] < 20


def test_percentiles_and_course(road: Road) -> None:
    road.travel()
    road.there.run(f"""
        INSERT INTO etl_freshness (table_name, log_id, run, load_no, snapshot_at, newest_change_at, loaded_at)
        SELECT 'fact_payment', 'other', n, 0, now(), (now() - n * interval '30 s') AT TIME ZONE 'UTC' -
               n * interval '1 s', now() - n * interval '30 s'
        FROM generate_series(1, 100) n
        UNION ALL SELECT 'fact_payment', 'other', 101, 0, now(), (now() - interval '{LONGEST_S + 60} s') AT TIME ZONE
               'UTC', now()""")
    found = freshness_of(road)["fact_payment"]
    assert (found["loads"], found["max_s"], found["p50_s"], round(found["p95_s"], 1)) == (100, 100.0, 50.5, 95.0)
    course = found["course"]
    assert len(course) == SLICES
    assert course[-1] == 2.0 and max(filter(None, course)) == 100.0


def test_its_plot() -> None:
    course = [None, 0.0, 1.0, 4.0, 8.0]
    table = {"table": "fact_payment", "loads": 4, "p50_s": 2.5, "p95_s": 7.4, "max_s": 8.0, "course": course}
    assert shown.text({"hours": 24.0, "tables": [table]}).splitlines() == [
        "TABLE         LOADS  P50  P95  MAX  THE LAST 24 HOURS, █ IS 8 s",
        "fact_payment      4  2 s  7 s  8 s  ·▁▂▅█",
    ]
    assert shown.text({"hours": 2.0, "tables": []}) == "nothing that had changed became visible in the last 2 hours"


def shows(road: Road) -> dict[str, datetime]:
    """As of when each table shows the source."""
    then = datetime.now(UTC).replace(tzinfo=None)
    tables = status(road.run_log, road.look, TARGETS, dict, lambda: then).tables
    return {each.table: then - timedelta(seconds=each.freshness_s or 0.0) for each in tables}


@pytest.mark.parametrize("stopped", ["extract", "transform", "load"])
def test_each_stage_that_stops_lets_it_grow_and_a_quiet_table_stays_fresh(
    road: Road, tick: Ticks, stopped: str
) -> None:
    road.travel()
    stages: dict[str, Callable[[], object]] = {"extract": road.extract, "transform": road.deliver, "load": road.load}
    seen: list[dict[str, datetime]] = []
    for _ in range(3):
        tick("payment")
        for stage, work in stages.items():
            if stage != stopped:
                work()
        seen.append(shows(road))
        # Freshness is told in tenths of seconds.
        time.sleep(0.3)
    first, last = seen[0], seen[-1]
    assert abs(last["fact_payment"] - first["fact_payment"]) < TENTHS
    # Without a look nobody knows that a quiet table is fresh; a look that found nothing for it says so.
    assert (last["dim_staff"] - first["dim_staff"] > TENTHS) == (stopped != "extract")
    road.travel()
    mended = shows(road)
    assert all(mended[table] - last[table] > TENTHS for table in ("fact_payment", "dim_staff"))
