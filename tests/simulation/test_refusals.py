"""Dimensions refuse rows that facts name, and some are never mended: no key is stuck, and no history is invented."""

import pytest

from shared.warehouse.registry import TARGETS
from tests.road.test_history import FACTS, Audit, assert_same_rows, expected_times, shown_times
from tests.road.test_waiting import BAD, all_but, assert_nothing_is_stuck, kept_in
from tests.simulation.conftest import Simulate
from tests.simulation.mutants import giving_way
from tests.simulation.simulation import Simulation
from tests.simulation.stack import Place
from tests.simulation.test_simulation import told
from tests.simulation.trade import CHANGES, REFUSED
from tests.soak import also_in_soak

SEEDS = also_in_soak([range(0, 3)], [range(3, 103), range(103, 203)])
SAFE = ("dim_location", "dim_counterparty", "dim_payment_type", "dim_transaction")


class Refusing(Simulation):
    def __init__(self, seed: int, source: Place, warehouse: Place) -> None:
        super().__init__(seed, source, warehouse)
        for statement in BAD:
            self.road.source.run(statement)
        self.trade.changes = (*CHANGES, *REFUSED * 2)

    def drain(self) -> None:
        """When all has come that can, half of what waits is corrected, and the patience passes."""
        super().drain()
        for table in ("sales_order", "purchase_order"):
            self.road.source.run(f"UPDATE {table} SET staff_id = 1 WHERE staff_id = 901")
        super().drain()
        self.grace_period_s = 0.0
        self.load()
        self._finish()


def run(one: Simulation) -> int:
    """The number of versions that gave way."""
    one.live()
    one.drain()
    records = list(one.road.run_log.since(0))
    audit = Audit.__new__(Audit)
    audit.versions = one.trade.versions(records)
    runs = {record.run: record.snapshot.taken_at for record in records}
    gave_way, waiting = (kept_in(one.road, name, runs) for name in ("etl_quarantine", "etl_waiting"))
    for source, table in FACTS.items():
        assert_nothing_is_stuck(one.road, TARGETS[table])
        seen = all_but(audit, source, gave_way | waiting)
        assert_same_rows(one.road, seen, source, TARGETS[table])
        assert shown_times(one.road, TARGETS[table]) == expected_times(seen, source)
    assert one.road.differences({name: TARGETS[name] for name in SAFE}) == {}
    assert one.refused == []
    return len(gave_way)


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_seeds(simulated: Simulate, seeds: range) -> None:
    gave_way = 0
    for seed in seeds:
        with simulated(seed, Refusing) as one:
            try:
                gave_way += run(one)
            except BaseException as failure:
                raise AssertionError(told(one, seed)) from failure
    assert gave_way


@pytest.mark.soak
def test_without_giving_way_keys_are_stuck(simulated: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    giving_way(monkeypatch)
    for seed in range(30):
        try:
            with simulated(seed, Refusing) as one:
                run(one)
        except AssertionError:
            return
    pytest.fail("30 seeds without giving way, and nothing is stuck")
