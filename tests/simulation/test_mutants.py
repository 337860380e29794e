"""The simulation can fail: without any one of the protections it does, within 30 seeds."""

import pytest

from tests.simulation.conftest import Simulate
from tests.simulation.mutants import MUTANTS
from tests.simulation.test_simulation import run

MOST_SEEDS = 30

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_it_the_simulation_fails(mutant: str, simulated: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTANTS[mutant](monkeypatch)
    for seed in range(MOST_SEEDS):
        try:
            with simulated(seed) as one:
                run(one)
        except AssertionError:
            return
    pytest.fail(f"{MOST_SEEDS} seeds without {mutant}, and nothing is wrong")
