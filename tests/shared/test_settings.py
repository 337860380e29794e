"""What follows from a function's settings."""

from datetime import UTC, datetime

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


def test_an_account_ends_at_a_time_or_never() -> None:
    assert Settings({"ACCOUNT_EXPIRES": "2026-12-02T09:00Z"}).account_expires == datetime(2026, 12, 2, 9, tzinfo=UTC)
    assert Settings({"ACCOUNT_EXPIRES": ""}).account_expires is Settings({}).account_expires is None
