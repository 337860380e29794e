"""The simulation can fail: without any one of the protections it does, within 30 seeds, or in a soak within 300."""

import pytest

from tests.simulation.conftest import Simulate
from tests.simulation.mutants import MUTANTS
from tests.simulation.test_simulation import run
from tests.soak import also_in_soak

MOST_SEEDS = 30
# Seeds that are known to find out soon, tried first; of all others the first does.
KNOWN = {
    "create_only_commit": 1,
    "wal_flush": 8,
    "waiting_rows": 2,
}


# What these protect from happens to one commit in many: an extraction makes more calls than it has commits.
RARE = ("outbox", "lock_before_snapshot", "manifest_last")
MOST_SEEDS_OF_RARE = 300


@pytest.mark.parametrize(
    "mutant",
    also_in_soak((name for name in MUTANTS if name not in RARE), RARE),
)
def test_without_it_the_simulation_fails(mutant: str, simulated: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    most = MOST_SEEDS_OF_RARE if mutant in RARE else MOST_SEEDS
    for seed in dict.fromkeys((KNOWN.get(mutant, 0), *range(most))):
        try:
            with simulated(seed) as one:
                run(one)
        except AssertionError:
            return
    pytest.fail(f"{most} seeds without {mutant}, and nothing is wrong")
