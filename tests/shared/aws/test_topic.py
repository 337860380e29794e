"""Publishing: ten messages a call, and what failed in part is sent again, and only that."""

from typing import Any

import pytest

from shared.aws.topic import SnsTopic
from shared.errors import ServiceUnavailable
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.documents import ChangeMessage

pytestmark = pytest.mark.fast


class Sns:
    """An SNS that refuses each message of the given tables so many times."""

    def __init__(self, refusals: dict[str, int]) -> None:
        self.refusals = refusals
        self.calls: list[list[str]] = []

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        ids = [entry["Id"] for entry in PublishBatchRequestEntries]
        self.calls.append(ids)
        failed = [each for each in ids if self.refusals.get(each, 0) > 0]
        for each in failed:
            self.refusals[each] -= 1
        return {
            "Successful": [{"Id": each} for each in ids if each not in failed],
            "Failed": [{"Id": each, "Code": "InternalError", "SenderFault": False} for each in failed],
        }


def messages(*tables: str, run: int = 1) -> list[ChangeMessage]:
    return [ChangeMessage(version=1, log="log", run=run, table=table) for table in tables]


def test_ten_messages_a_call() -> None:
    sns = Sns({})
    SnsChangeTopic(SnsTopic("arn", sns)).publish(messages(*map(str, range(11))))
    assert [len(call) for call in sns.calls] == [10, 1]


def test_what_failed_in_part_is_sent_again_and_only_that() -> None:
    sns = Sns({"1-staff": 1})
    SnsChangeTopic(SnsTopic("arn", sns)).publish(messages("staff", "design"))
    assert sns.calls == [["1-staff", "1-design"], ["1-staff"]]


def test_several_runs_of_a_table_are_several_messages() -> None:
    sns = Sns({})
    SnsChangeTopic(SnsTopic("arn", sns)).publish(messages("staff") + messages("staff", run=2))
    assert sns.calls == [["1-staff", "2-staff"]]


def test_what_goes_on_failing_is_an_error() -> None:
    with pytest.raises(ServiceUnavailable):
        SnsChangeTopic(SnsTopic("arn", Sns({"1-staff": 99}))).publish(messages("staff", "design"))
