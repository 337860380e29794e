"""The edge of watch: its settings reach the check, and each check ends with a line."""

from datetime import timedelta

import boto3
import pytest

from handlers import watch
from handlers.invocation import utc_now
from shared.names import ALERTS, CHANGES
from shared.wording.incidents import ACCOUNT_EXPIRES
from tests.handlers.test_inspect import make_buckets, make_queues
from tests.handlers.test_load import SETTINGS, Context, logged

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(("hours", "is_reported"), [(11, True), (13, False)])
def test_the_end_of_the_account_is_reported_twelve_hours_before(
    aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hours: int, is_reported: bool
) -> None:
    expires = utc_now() + timedelta(hours=hours)
    more = {"ACCOUNT_EXPIRES": expires.isoformat(timespec="seconds"), "FRESHNESS_OBJECTIVE_S": "1800"}
    for name, value in (SETTINGS | more).items():
        monkeypatch.setenv(name, value)
    make_buckets()
    make_queues()
    for topic in (ALERTS, CHANGES):
        boto3.client("sns").create_topic(Name=f"totestream-test-{topic}")
    answer = watch.handler({}, Context())
    kinds = {each["incident"]["kind"] for each in answer["incidents"]}
    assert (ACCOUNT_EXPIRES.name in kinds) == is_reported
    assert logged(capsys)["message"] == "stack was checked"
