"""The handler with the events that SQS really sends, on moto's S3 and SQS."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from handlers import transform
from shared.aws.bucket import S3Bucket
from shared.aws.queue import SqsQueue
from shared.errors import Refused, ServiceRefused, ServiceUnavailable
from shared.lake import keys
from shared.transform.deliveries import delivery_from
from shared.transform.run import TransformResult
from tests.shared.transform.making import Lake, rows

pytestmark = pytest.mark.fast

EVENTS = Path(__file__).parents[1] / "events"
SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "test",
    "ACCOUNT_ID": "123456789012",
    "TARGET": "fact_payment",
}
QUEUE, DEAD_LETTERS = "totestream-test-fact_payment", "totestream-test-fact_payment-dlq"


@dataclass
class Context:
    left_ms: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Queues:
    """The table's two queues on moto."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in (QUEUE, DEAD_LETTERS)}

    def delivered(self, body: str, receives: int = 1) -> dict[str, Any]:
        """A message sent, received and put into an event, as the event source mapping does."""
        self.sqs.send_message(QueueUrl=self.urls[QUEUE], MessageBody=body)
        [message] = self.received(QUEUE, VisibilityTimeout=360)
        record = json.loads((EVENTS / "sns_raw_via_sqs.json").read_text())["Records"][0]
        record |= {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"], "body": body}
        record["attributes"] |= {"ApproximateReceiveCount": str(receives)}
        return {"Records": [record]}

    def received(self, name: str, **options: Any) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.urls[name], MessageAttributeNames=["All"], **options)
        return list(answer.get("Messages", ()))

    def hidden(self, name: str) -> int:
        wanted = "ApproximateNumberOfMessagesNotVisible"
        answer = self.sqs.get_queue_attributes(QueueUrl=self.urls[name], AttributeNames=[wanted])
        return int(answer["Attributes"][wanted])


@pytest.fixture
def queues(aws: None) -> Queues:
    return Queues()


@pytest.fixture
def lake(ingestion: S3Bucket, processed: S3Bucket) -> Lake:
    return Lake(ingestion, processed)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The function's settings, in a container of its own."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    transform.deliveries.cache_clear()
    yield
    transform.deliveries.cache_clear()


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def message(run: int, table: str = "payment") -> str:
    return json.dumps({"version": 1, "log": "log-1", "run": run, "table": table})


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_change_becomes_a_manifest_and_a_second_time_nothing(lake: Lake, queues: Queues) -> None:
    lake.commit_payments(42, rows("payment", {"payment_id": 7}))
    lake.commit_payments(43, rows("payment", {"payment_id": 8}))
    assert failed(transform.handler(event("sns_raw_via_sqs"), Context())) == []
    assert [lake.made("fact_payment", run)[1][0]["payment_id"].tolist() for run in (42, 43)] == [[7], [8]]
    before = lake.contents()
    assert failed(transform.handler(event("sns_raw_via_sqs"), Context())) == []
    assert lake.contents() == before
    assert queues.received(DEAD_LETTERS) == []


@pytest.mark.parametrize("name", ["malformed_via_sqs", "sns_wrapped_via_sqs", "s3_test_event_via_sqs"])
def test_what_is_no_change_message_is_a_dead_letter_at_once(name: str, lake: Lake, queues: Queues) -> None:
    given = event(name)
    assert failed(transform.handler(given, Context())) == []
    [letter] = queues.received(DEAD_LETTERS)
    assert letter["Body"] == given["Records"][0]["body"]
    assert letter["MessageAttributes"]["error"]["StringValue"] == "BadDocument"


def test_a_message_of_another_table_wakes_no_more_than_its_run_expects(lake: Lake, queues: Queues) -> None:
    lake.commit_payments(1, rows("payment", {"payment_id": 7}))
    lake.commit(2, {}, targets=("dim_staff",))
    for run in (1, 2):
        assert failed(transform.handler(queues.delivered(message(run, table="staff")), Context())) == []
    assert lake.manifests.places_since(0) == {(1, "fact_payment")}
    assert queues.received(DEAD_LETTERS) == []


def test_a_run_that_is_not_there_for_long_is_a_dead_letter_that_says_so(lake: Lake, queues: Queues) -> None:
    first = queues.delivered(message(9))
    assert failed(transform.handler(first, Context())) == [first["Records"][0]["messageId"]]
    assert queues.received(DEAD_LETTERS) == []
    assert failed(transform.handler(queues.delivered(message(9), receives=12), Context())) == []
    [letter] = queues.received(DEAD_LETTERS)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {
        "reason": f"s3://{lake.ingestion.name}/{keys.run_key(9)} is not there",
        "error": "MissingObject",
        "receives": "12",
    }


def test_what_there_is_no_time_for_fails_and_is_visible_at_once(lake: Lake, queues: Queues) -> None:
    lake.commit_payments(1, rows("payment", {}))
    given = queues.delivered(message(1))
    assert failed(transform.handler(given, Context(left_ms=14_000))) == [given["Records"][0]["messageId"]]
    assert queues.hidden(QUEUE) == 0
    assert lake.contents() == {}


def test_what_passes_is_hidden_for_a_while_and_no_dead_letter(queues: Queues) -> None:
    def unavailable(run: int) -> TransformResult:
        raise ServiceUnavailable("S3", "reading", "SlowDown")

    received = [delivery_from(record) for record in queues.delivered(message(1))["Records"]]
    stage = replace(transform.deliveries(), transform=unavailable)
    assert stage.take(received, lambda: 60) == [received[0].id]
    assert queues.hidden(QUEUE) == 1
    assert queues.received(DEAD_LETTERS) == []


def test_clients_are_made_once_per_container(aws: None) -> None:
    assert transform.deliveries() is transform.deliveries()


def test_without_a_dead_letter_queue_the_message_fails_and_stays(lake: Lake, queues: Queues) -> None:
    queues.sqs.delete_queue(QueueUrl=queues.urls[DEAD_LETTERS])
    given = queues.delivered("nonsense")
    assert failed(transform.handler(given, Context())) == [given["Records"][0]["messageId"]]
    assert queues.hidden(QUEUE) == 1


@pytest.mark.parametrize(("name", "value"), [("PROJECT", ""), ("TARGET", "staff")])
def test_without_its_settings_all_messages_fail_and_nothing_is_raised(
    name: str, value: str, queues: Queues, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert len(failed(transform.handler(event("sns_raw_via_sqs"), Context()))) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "BadSetting"


def test_an_event_without_records_is_nothing_to_do(lake: Lake, queues: Queues) -> None:
    assert transform.handler({}, Context()) == {"batchItemFailures": []}


def test_visibility_is_changed_on_the_queue_itself(queues: Queues) -> None:
    handle = queues.delivered("later")["Records"][0]["receiptHandle"]
    queue = SqsQueue(QUEUE)
    queue.change_visibility(handle, 60)
    assert queues.hidden(QUEUE) == 1
    queue.change_visibility(handle, 0)
    assert [back["Body"] for back in queues.received(QUEUE)] == ["later"]


def test_a_queue_that_is_not_there_needs_a_person(aws: None) -> None:
    with pytest.raises(ServiceRefused, match="finding no-such-queue was refused"):
        SqsQueue("no-such-queue").send("body", {})


def test_a_person_may_ask_for_runs_again(lake: Lake, queues: Queues) -> None:
    lake.commit_payments(1, rows("payment", {"payment_id": 7}))
    lake.commit_payments(2, rows("payment", {"payment_id": 8}))
    for do, whats in {
        "judge": ["missing", "no such run"],
        "replay": ["made", "made"],
        "verify": ["same", "same"],
    }.items():
        answer = transform.handler({"do": do, "from": 1, "to": 2, "runs": [1, 3]}, Context())
        assert (answer["table"], [each["what"] for each in answer["taken"]]) == ("fact_payment", whats)
        assert json.loads(json.dumps(answer)) == answer
    assert lake.manifests.places_since(0) == {(1, "fact_payment"), (2, "fact_payment")}


def test_a_person_is_told_what_runs_there_was_no_time_for(lake: Lake, queues: Queues) -> None:
    for run in (1, 2):
        lake.commit_payments(run, rows("payment", {}), mode="full")
    answer = transform.handler({"do": "replay", "from": 1}, Context(left_ms=14_000))
    assert (len(answer["taken"]), answer["next"], answer["last"]) == (1, 2, 2)


def test_a_person_is_refused_with_the_reason(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.commit_payments(1, rows("payment", {}))
    for asked in ({"do": "everything"}, {"do": "verify", "from": 2}):
        with pytest.raises(Refused, match="can do replay, verify, judge|the newest run is 1"):
            transform.handler(asked, Context())
        assert json.loads(capsys.readouterr().out)["message"] == "runs were not taken again"
