"""What follows from a function's settings."""

import pytest

from ops.stack.topology import TRANSFORM_TIMEOUT_S
from shared.settings import Settings

pytestmark = pytest.mark.fast

# Watch looks each minute, and so does the loader.
MINUTE_S = 60


@pytest.mark.parametrize("told", [{"REASK_AFTER_S": "600"}, {"REASK_AFTER_S": "5"}, {"REASK_AFTER_S": "3600"}])
def test_what_is_asked_for_again_can_come_before_the_loader_goes_on_without_it(told: dict[str, str]) -> None:
    settings = Settings(told)
    assert settings.grace_period_s > settings.reask_after_s + MINUTE_S + TRANSFORM_TIMEOUT_S + MINUTE_S
