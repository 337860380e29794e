"""AWS in memory answers as MiniStack does, and MiniStack as AWS says: one contract, tried on both."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.ministack import Ministack, throw_away
from shared.aws.bucket import S3Bucket
from shared.aws.clients import code_of
from shared.aws.queue import SqsQueue
from shared.aws.topic import SnsTopic
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.documents import ChangeMessage
from tests.simulation.cloud import S3, Sns, Sqs

BUCKET, QUEUE, LETTERS = "contract", "payments", "payments-dlq"
MOST_RECEIVES = 2
ANYBODY_MAY_SEND = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
}


@dataclass
class Cloud:
    """`pass_time` lets at least so many seconds go by."""

    s3: Any
    sqs: Any
    sns: Any
    topic_arn: str
    pass_time: Callable[[float], None]

    def url(self, name: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])


def in_memory() -> Cloud:
    now = [0.0]
    s3, sqs = S3(), Sqs(lambda: now[0])
    sns = Sns(sqs)
    s3.create_bucket(BUCKET)
    sqs.make(LETTERS, 30)
    sqs.make(QUEUE, 1, LETTERS, MOST_RECEIVES)
    sns.subscribe(QUEUE, '{"table": ["payment"]}')

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return Cloud(s3, sqs, sns, "topic", pass_time)


def on_ministack(ministack: Ministack) -> Cloud:
    key, secret = ministack.keys

    def client(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=ministack.url,
            region_name="eu-west-2",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
        )

    s3, sqs, sns = map(client, ("s3", "sqs", "sns"))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    sqs.create_queue(QueueName=LETTERS)
    arn = "arn:aws:sqs:eu-west-2:000000000000:"
    redrive = f'{{"deadLetterTargetArn": "{arn}{LETTERS}", "maxReceiveCount": {MOST_RECEIVES}}}'
    attributes = {"VisibilityTimeout": "1", "RedrivePolicy": redrive, "Policy": json.dumps(ANYBODY_MAY_SEND)}
    sqs.create_queue(QueueName=QUEUE, Attributes=attributes)
    topic = sns.create_topic(Name="changes")["TopicArn"]
    filters = {"FilterPolicy": '{"table": ["payment"]}', "RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn + QUEUE, Attributes=filters)
    return Cloud(s3, sqs, sns, topic, lambda seconds: time.sleep(seconds + 0.2))


@pytest.fixture(params=["memory", "ministack"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    if request.param == "memory":
        yield in_memory()
        return
    with throw_away() as ministack:
        yield on_ministack(ministack)


def test_objects(cloud: Cloud) -> None:
    bucket = S3Bucket(BUCKET, cloud.s3)
    assert bucket.create("runs/1", b"mine") and bucket.create("runs/1", b"mine")
    assert not bucket.create("runs/1", b"other") and bucket.get("runs/1") == b"mine"
    bucket.put("health/x", b"1")
    bucket.put("health/x", b"2")
    assert bucket.get("health/x") == b"2"
    for number in range(2, 30):
        bucket.put(f"runs/{number:02d}", b"")
    assert list(bucket.list("runs/", after="runs/27")) == ["runs/28", "runs/29"]
    page = cloud.s3.list_objects_v2(Bucket=BUCKET, Prefix="runs/", MaxKeys=10)
    rest = cloud.s3.list_objects_v2(
        Bucket=BUCKET, Prefix="runs/", MaxKeys=30, ContinuationToken=page["NextContinuationToken"]
    )
    assert page["IsTruncated"] and not rest["IsTruncated"]
    assert len(page["Contents"] + rest["Contents"]) == len(list(bucket.list("runs/"))) == 29
    assert refusal(lambda: cloud.s3.get_object(Bucket=BUCKET, Key="none")) == "NoSuchKey"
    assert refusal(lambda: cloud.s3.get_object(Bucket="none", Key="none")) == "NoSuchBucket"
    once = {"Bucket": BUCKET, "Key": "runs/1", "Body": b"", "IfNoneMatch": "*"}
    assert refusal(lambda: cloud.s3.put_object(**once)) == "PreconditionFailed"
    cloud.s3.delete_object(Bucket=BUCKET, Key="runs/1")
    assert bucket.create("runs/1", b"other")


def test_messages(cloud: Cloud) -> None:
    """Filtered, delivered raw, hidden while they are worked on, and dead after some receives."""
    topic, queue = SnsChangeTopic(SnsTopic(cloud.topic_arn, cloud.sns)), SqsQueue(QUEUE, cloud.sqs)
    messages = [ChangeMessage(version=1, log="l", run=1, table=table) for table in ("payment", "staff")]
    topic.publish(messages)
    url = cloud.url(QUEUE)
    (message,) = receive(cloud, url)
    assert '"payment"' in message["Body"] and message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert receive(cloud, url) == [] and queue.count() == 1
    queue.change_visibility(message["ReceiptHandle"], 0)
    (again,) = receive(cloud, url)
    assert again["Attributes"]["ApproximateReceiveCount"] == str(MOST_RECEIVES)
    cloud.pass_time(1)
    assert receive(cloud, url) == [] and queue.count() == 0
    (dead,) = receive(cloud, cloud.url(LETTERS))
    assert dead["Body"] == message["Body"]
    cloud.sqs.delete_message(QueueUrl=cloud.url(LETTERS), ReceiptHandle=dead["ReceiptHandle"])
    assert SqsQueue(LETTERS, cloud.sqs).count() == 0
    SqsQueue(LETTERS, cloud.sqs).send("body", {"reason": "why"})
    (sent,) = receive(cloud, cloud.url(LETTERS))
    assert sent["MessageAttributes"]["reason"]["StringValue"] == "why"
    assert "NonExistentQueue" in refusal(lambda: cloud.sqs.get_queue_url(QueueName="none"))


def receive(cloud: Cloud, url: str) -> list[dict[str, Any]]:
    asked = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    found: list[dict[str, Any]] = cloud.sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])
    return found


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return code_of(refused.value)
