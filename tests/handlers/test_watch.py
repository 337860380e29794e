"""The edge of watch: its settings reach the check, and each check ends with a line."""

from datetime import timedelta

import boto3
import pytest

from conftest import made_bucket
from handlers import watch
from handlers.invocation import utc_now
from shared.names import ALERTS, CHANGES
from shared.warehouse.registry import TARGETS
from shared.wording.incidents import ACCOUNT_EXPIRES
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
    for noun in ("ingestion", "processed"):
        made_bucket(f"totestream-test-{noun}-123456789012")
    for topic in (ALERTS, CHANGES):
        boto3.client("sns").create_topic(Name=f"totestream-test-{topic}")
    for table in TARGETS:
        for queue in (table, f"{table}-dlq"):
            boto3.client("sqs").create_queue(QueueName=f"totestream-test-{queue}")
    answer = watch.handler({}, Context())
    kinds = {each["incident"]["kind"] for each in answer["incidents"]}
    assert (ACCOUNT_EXPIRES.name in kinds) == is_reported
    assert logged(capsys)["message"] == "stack was checked"
