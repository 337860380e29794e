"""Killed, repeated, delayed, reordered, broken: when the faults stop, the warehouse is as the source's history says."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from conftest import SCHEMA
from shared.load.bookkeeping import SUPERSEDED
from shared.load.damage import CountedTables, find_damages
from shared.load.warehouse import WarehouseSession
from shared.warehouse.registry import TARGETS
from tests.road.test_history import FACTS, Audit, assert_same_rows, expected_times, shown_times
from tests.simulation.conftest import Simulate
from tests.simulation.simulation import Simulation

COLUMNS = (
    "killed extract",
    "killed transform",
    "killed load",
    "killed watch",
    "duplicates",
    "reorderings",
    "lost answer",
    "failed",
    "lost races",
    "messages lost",
    "acknowledgements lost",
    "poisoned batches",
    "poisoned messages",
    "holds",
    "crashes",
    "asked again",
)


# Thirty seeds are a good minute of one core, and test.sh has two cores; a soak takes three thousand. Its lots are
# larger: of twenty small ones, one might well do without the rarest fault.
LOTS = [range(0, 12), range(12, 24)]
SOAK_LOTS = [range(first, first + 186) for first in range(24, 3000, 186)]


def assert_right(one: Simulation) -> None:
    """The warehouse equals the oracle, in the present and in its whole history; the ledger has each run once."""
    assert one.road.differences() == {}
    records = list(one.road.run_log.since(0))
    assert [record.run for record in records] == list(range(1, len(records) + 1))
    audit = Audit.__new__(Audit)
    audit.versions = one.trade.versions(records)
    for source, table in FACTS.items():
        assert_same_rows(one.road, audit, source, TARGETS[table])
        assert shown_times(one.road, TARGETS[table]) == expected_times(audit, source)
    for (run, table), rows in one.trade.new_rows(records).items():
        batch = records[run - 1].tables[table].batch
        if batch is None or batch.mode == "delta":
            assert (batch.rows if batch else 0) == rows, (run, table)
    assert one.road.run_log.unpublished(len(records)) == []
    assert one.refused == []
    ledger = one.road.there.run("SELECT run, table_name, status FROM etl_ledger WHERE load_no = 0") or []
    places = [(run, table) for run, table, _ in ledger]
    assert sorted(places) == sorted((record.run, table) for record in records for table in record.targets)
    assert not [table for _, table, status in ledger if status == SUPERSEDED and table.startswith("fact_")]
    assert one.road.there.run("SELECT FROM etl_waiting") == []
    assert_nothing_is_taken_for_damage(one)


def assert_nothing_is_taken_for_damage(one: Simulation) -> None:
    """The numbers that the loads have kept are those of the tables, whatever was killed in its midst."""
    with one.road.warehouse.connect() as connection:
        warehouse = WarehouseSession(connection, SCHEMA)
        assert find_damages(warehouse, TARGETS, CountedTables(), datetime.now(UTC), lambda: 60.0) == {}
        known = {table for (table,) in warehouse.run("SELECT table_name FROM etl_table")}
    assert known == TARGETS.keys()


def run(one: Simulation) -> Counter[str]:
    one.live()
    one.drain()
    assert_right(one)
    return one.world.counts


def told(one: Simulation, seed: int) -> str:
    last = "\n".join(one.world.told[-80:])
    return f"seed {seed}; again: SEED={seed} .venv/bin/python -m pytest tests/simulation -k again\n{last}"


@pytest.mark.parametrize("seeds", [*LOTS, *(pytest.param(lot, marks=pytest.mark.soak) for lot in SOAK_LOTS)], ids=str)
def test_seeds(simulated: Simulate, seeds: range, record_property: Callable[[str, object], None]) -> None:
    """All that can befall it did, and it came right each time."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        with simulated(seed) as one:
            try:
                counts += run(one)
            except BaseException as failure:
                raise AssertionError(told(one, seed)) from failure
    line = ", ".join(f"{counts[column]} {column}" for column in COLUMNS)
    record_property("summary", f"simulation, seeds {seeds[0]} to {seeds[-1]}: {line}")
    assert all(counts[column] for column in COLUMNS), line


def test_a_seed_again(simulated: Simulate) -> None:
    """What a seed tells, it tells again."""
    seed = int(os.environ.get("SEED", "0"))
    stories = []
    for _ in range(2):
        with simulated(seed) as one:
            try:
                run(one)
            except BaseException as failure:
                raise AssertionError(told(one, seed)) from failure
            stories.append(one.world.told)
    assert stories[0] == stories[1]
    assert len(stories[0]) > 20
