"""A call more in the quiet minute is money each month: it fails here, and then the bill is reckoned anew."""

from collections.abc import Iterator

import pytest

from benchmarks.bill import QUIET_INVOKED, QUIET_MINUTE, RUN_INVOKED, RUN_MESSAGES, RUN_MINUTE
from benchmarks.calls import StackInProcess, quiet_minute, run_minute, standing
from conftest import Database

pytestmark = pytest.mark.fast


@pytest.fixture
def stack(trading: Database, warehouse: Database, aws: None) -> Iterator[StackInProcess]:
    with standing(trading, warehouse) as stack:
        yield stack


def test_the_calls_of_a_quiet_minute_and_of_a_run_are_those_of_the_bill(stack: StackInProcess) -> None:
    for _ in range(2):
        quiet = quiet_minute(stack)
        assert (quiet.calls, quiet.invoked, quiet.messages) == (QUIET_MINUTE, QUIET_INVOKED, 0)
    run = run_minute(stack)
    assert (run.calls, run.invoked, run.messages) == (RUN_MINUTE, RUN_INVOKED, RUN_MESSAGES)
    # One look in which watch finds that all of the run is there, and it is as quiet as before.
    quiet_minute(stack)
    assert quiet_minute(stack).calls == QUIET_MINUTE
