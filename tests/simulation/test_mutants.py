"""The simulation can fail: without any one of the protections it does, within 30 seeds."""

import pytest

from tests.simulation.conftest import Simulate
from tests.simulation.mutants import MUTANTS
from tests.simulation.test_simulation import run

MOST_SEEDS = 30
# Seeds that are known to find out soon, tried first; of all others the first does.
KNOWN = {
    "outbox": 5,
    "create_only_commit": 14,
    "wal_flush": 5,
    "lock_before_snapshot": 4,
    "waiting_rows": 2,
    "manifest_last": 18,
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_it_the_simulation_fails(mutant: str, simulated: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    for seed in dict.fromkeys((KNOWN.get(mutant, 0), *range(MOST_SEEDS))):
        try:
            with simulated(seed) as one:
                run(one)
        except AssertionError:
            return
    pytest.fail(f"{MOST_SEEDS} seeds without {mutant}, and nothing is wrong")
