"""Killed, repeated, delayed, reordered, broken: when the faults stop, the warehouse is as the source's history says."""

import time
from collections import Counter

import pytest

from shared.load.bookkeeping import SUPERSEDED
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
    "asked again",
)


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
    ledger = one.road.there.run("SELECT run, table_name, status FROM etl_ledger WHERE load_no = 0") or []
    places = [(run, table) for run, table, _ in ledger]
    assert sorted(places) == sorted((record.run, table) for record in records for table in record.targets)
    assert not [table for _, table, status in ledger if status == SUPERSEDED and table.startswith("fact_")]
    assert one.road.there.run("SELECT FROM etl_waiting") == []


def run(one: Simulation) -> Counter[str]:
    one.live()
    one.drain()
    assert_right(one)
    return one.world.counts


@pytest.mark.parametrize("seed", range(3))
def test_seed(simulated: Simulate, seed: int) -> None:
    began = time.time()
    with simulated(seed) as one:
        try:
            counts = run(one)
        except BaseException:
            print("\n".join(one.world.told[-60:]))
            raise
        print(seed, one.world.danger, time.time() - began, dict(counts))
