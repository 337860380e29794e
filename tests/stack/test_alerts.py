"""What tells a person, on the live stack. An alarm that was never seen to ring does not exist."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ops.stack.alarms import ALARMS
from shared.alerts.metrics import METRICS
from shared.lake.keys import manifest_key
from shared.names import ALERTS, MAIL
from tests.stack.called import Called
from tests.stack.stack import LONGEST_WAIT_S, LocalStack, wait_for


def alarms_of(stack: LocalStack) -> dict[str, dict[str, Any]]:
    listed = stack.aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"{stack.names.prefix}-")["MetricAlarms"]
    return {alarm["AlarmName"]: alarm for alarm in listed}


class Ear:
    """A throw-away queue that hears a topic."""

    def __init__(self, stack: LocalStack, noun: str) -> None:
        self._sqs, self._sns = stack.aws("sqs"), stack.aws("sns")
        name, topic = f"ear-{noun}", stack.names.topic_arn(noun)
        sending = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [sending | {"Resource": stack.names.queue_arn(name)}]}
        self._url = self._sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        attributes = {"RawMessageDelivery": "true"}
        listening = self._sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=stack.names.queue_arn(name), Attributes=attributes
        )
        self._arn = listening["SubscriptionArn"]
        self._noun = noun
        self._heard: set[tuple[str, str, str]] = set()

    def listen(self) -> set[tuple[str, str, str]]:
        """The alarms that were heard so far, each with the state it told and the topic."""
        for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            said = json.loads(message["Body"])
            self._heard.add((said["AlarmName"], said["NewStateValue"], self._noun))
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._heard

    def close(self) -> None:
        self._sns.unsubscribe(SubscriptionArn=self._arn)
        self._sqs.delete_queue(QueueUrl=self._url)


@pytest.fixture
def ears(stack: LocalStack) -> Iterator[list[Ear]]:
    made = [Ear(stack, noun) for noun in (ALERTS, MAIL)]
    yield made
    for ear in made:
        ear.close()


def test_every_alarm_is_heard_when_it_begins_and_when_it_ends(
    stack: LocalStack, ears: list[Ear], called: Called
) -> None:
    watching = stack.aws("cloudwatch")
    assert alarms_of(stack).keys() == {stack.names(alarm.noun) for alarm in ALARMS}
    for name in alarms_of(stack):
        # Only a change is told, and nobody hears of this first one.
        for state in ("INSUFFICIENT_DATA", "ALARM", "OK"):
            watching.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
    told = {(stack.names(alarm.noun), state, alarm.topic) for alarm in ALARMS for state in ("ALARM", "OK")}
    wait_for(lambda: told <= {said for ear in ears for said in ear.listen()}, "all alarms at their topics")
    for_slack = {(sign, stack.names(alarm.noun)) for alarm in ALARMS if alarm.topic == ALERTS for sign in "🔴🟢"}
    wait_for(lambda: all(called.heard(*each) for each in for_slack), "those of the topic alerts in Slack")
    # Of watch and of what tells us, Slack is not the place to hear.
    assert {stack.names(alarm.noun) for alarm in ALARMS if called.heard(stack.names(alarm.noun))} == {
        name for _, name in for_slack
    }


def test_watch_puts_the_metrics_that_alarms_are_on(stack: LocalStack) -> None:
    """With its own rights."""
    assert "errorMessage" not in stack.invoke("watch")
    listed = stack.aws("cloudwatch").list_metrics(Namespace=stack.names.prefix)["Metrics"]
    assert {each["MetricName"] for each in listed} == {metric.name for metric in METRICS}
    assert [each for each in listed if each["Dimensions"]] == []


def test_dashboard_and_budget_are_there(stack: LocalStack) -> None:
    body = stack.aws("cloudwatch").get_dashboard(DashboardName=stack.names.prefix)["DashboardBody"]
    assert f'"{stack.names.function("extract")}"' in body
    monthly = {"AccountId": stack.names.account, "BudgetName": stack.names("monthly")}
    budgets = stack.aws("budgets")
    assert budgets.describe_budget(**monthly)["Budget"]["BudgetLimit"] == {"Amount": "20", "Unit": "USD"}
    told = budgets.describe_notifications_for_budget(**monthly)["Notifications"]
    assert {(each["NotificationType"], each["Threshold"]) for each in told} == {("ACTUAL", 80.0), ("FORECASTED", 100.0)}
    for each in told:
        notification = {name: each[name] for name in ("NotificationType", "ComparisonOperator", "Threshold")}
        (hears,) = budgets.describe_subscribers_for_notification(**monthly, Notification=notification)["Subscribers"]
        assert hears == {"SubscriptionType": "SNS", "Address": stack.names.topic_arn(MAIL)}


def is_a_drill_s(stack: LocalStack, key: str) -> bool:
    """It deletes the manifest before it writes its own, for none may be written over."""
    try:
        return stack.get("processed", key) == b"a drill"
    except stack.aws("s3").exceptions.NoSuchKey:
        return False


def test_a_drill_that_is_killed_mends_what_it_has_broken(stack: LocalStack) -> None:
    command = [str(stack.checkout / "infra_bash/drill.sh"), "--local", "run-refused"]
    before = stack.newest_run()

    def damaged() -> list[str]:
        runs = range(before + 1, stack.newest_run() + 1)
        manifests = [key for run in runs for key in stack.keys("processed", manifest_key(run, "fact_payment"))]
        return [key for key in manifests if is_a_drill_s(stack, key)]

    with subprocess.Popen(command, env=stack.environment(), stderr=subprocess.PIPE, text=True) as drill:
        try:
            wait_for(damaged, "the drill to damage a manifest")
            [key] = damaged()
        finally:
            drill.terminate()
        assert "not mended" not in drill.communicate(timeout=LONGEST_WAIT_S)[1]
    assert drill.returncode == 143
    assert stack.get("processed", key) != b"a drill"
    rule = stack.aws("events").describe_rule(Name=stack.names("load"))
    sources = stack.aws("lambda").list_event_source_mappings(FunctionName=stack.names.function("load"))
    assert rule["State"] == "ENABLED"
    assert {each["State"] for each in sources["EventSourceMappings"]} <= {"Enabled", "Enabling"}
    stack.arrives()
