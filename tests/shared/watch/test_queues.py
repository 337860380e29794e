"""A queue that is gone hides no other."""

import json

import boto3
import pytest

from shared.names import Names
from shared.watch.measures import Depths
from shared.watch.queues import QueueDepths

pytestmark = pytest.mark.fast

NAMES = Names("totestream", "test", "eu-west-2", "123456789012")


def test_what_waits_is_counted_and_a_queue_that_is_gone_is_logged(
    aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs = boto3.client("sqs")
    for name, messages in ((NAMES.queue("dim_staff"), 2), (NAMES.dead_letter_queue("dim_staff"), 1)):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        for _ in range(messages):
            sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.create_queue(QueueName=NAMES.queue("dim_design"))
    found = QueueDepths(NAMES, sqs).depths(("dim_staff", "dim_design"))
    assert found == {"dim_staff": Depths(2, 1), "dim_design": Depths(0, 0)}
    [line] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["message"], line["error"]) == ("queue was not counted", "AwsRefused")
    assert NAMES.dead_letter_queue("dim_design") in line["reason"]
