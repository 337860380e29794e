"""A service that hangs."""

import pytest

from shared import retry
from shared.aws.clients import CONFIG
from shared.load import load_pass
from shared.source import reading
from shared.transform import sqs_consumer

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("kept_back_s", [reading.RESERVE_S, sqs_consumer.RESERVE_S, load_pass.STOP_UNDER_S])
def test_what_a_function_keeps_back_outlasts_a_service_that_hangs(kept_back_s: float) -> None:
    """The last thing begun in time also ends in time: one call hangs, and is not tried again."""
    hangs_s = CONFIG.read_timeout  # type: ignore[attr-defined]
    assert retry.LONGEST_S <= hangs_s <= kept_back_s - CONFIG.connect_timeout  # type: ignore[attr-defined]
