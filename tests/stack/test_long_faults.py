"""Minutes of real faults in random order, on the schedules and time-outs that everybody has, under load."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from random import Random

import pytest

from local import places
from local.ministack import Ministack
from ops.stack.topology import VISIBILITY_S
from shared.warehouse.registry import TARGETS
from tests.stack import faults
from tests.stack.door import Door, door_to
from tests.stack.faults import SCHEDULED, Trouble, ticking
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_update import no_dead_letters

pytestmark = pytest.mark.soak

ROUNDS = 2
# Longer than a tick of the schedules, so that each stage meets it.
LONGEST_FAULT_S = 70.0
# What a killed transform had taken is hidden for so long; then it is transformed and loaded, minutes at most.
LONGEST_RECOVERY_S = 2 * VISIBILITY_S

Fault = Callable[[LocalStack, Door, Random], AbstractContextManager[None]]


def killed(stack: LocalStack, door: Door, dice: Random) -> AbstractContextManager[None]:
    """A scheduled function, which has a process within a minute, and what there is of four others."""
    nouns = [dice.choice(SCHEDULED), *(f"transform-{table}" for table in dice.sample(list(TARGETS), 4))]
    wait_for(lambda: set().union(*(faults.kill(stack, noun) for noun in nouns)), "a function that can be killed")
    return nullcontext()


def crashed(stack: LocalStack, door: Door, dice: Random) -> AbstractContextManager[None]:
    faults.crash(stack)
    return nullcontext()


@contextmanager
def troubled(stack: LocalStack, door: Door, dice: Random) -> Iterator[None]:
    door.before = trouble = Trouble()
    yield
    door.forget()
    trouble.hanging.released.set()
    assert trouble.met


def exhausted(stack: LocalStack, door: Door, dice: Random) -> AbstractContextManager[None]:
    return faults.no_connection_left(stack)


def locked(stack: LocalStack, door: Door, dice: Random) -> AbstractContextManager[None]:
    return faults.reader_of(stack, dice.choice(list(TARGETS)))


def stopped(stack: LocalStack, door: Door, dice: Random) -> AbstractContextManager[None]:
    Ministack(places.ministack_home(stack.folder)).stop()
    faults.start_again(stack)
    return nullcontext()


FAULTS: tuple[Fault, ...] = (killed, crashed, troubled, exhausted, locked, stopped)


@pytest.mark.parametrize("seed", [1])
def test_faults_in_random_order(stack: LocalStack, seed: int) -> None:
    dice = Random(seed)
    with door_to(stack.settings["AWS_ENDPOINT_URL"]) as door, faults.behind(stack, door), ticking(stack):
        for fault in [each for _ in range(ROUNDS) for each in dice.sample(FAULTS, len(FAULTS))]:
            with fault(stack, door, dice):
                time.sleep(dice.uniform(1, LONGEST_FAULT_S))
    wait_for(lambda: stack.differing() == [], "every table to equal the oracle", LONGEST_RECOVERY_S)
    assert no_dead_letters(stack)
