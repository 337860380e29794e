"""An alarm on a metric that nobody puts, or to a topic that nobody hears, is none."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.stack.resources.alerts import Alarms, AlertSubscriptions, Dashboards
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.queues import Queues, Topics
from shared.alerts.metrics import METRICS, OPEN_INCIDENTS
from shared.load.health import LoadHealth, TableHealth
from shared.warehouse.registry import TARGETS as WAREHOUSE
from shared.watch.observation import Observation, metrics
from tests.infra.stubs import NAMES, SETTINGS, TARGETS, StubTarget

pytestmark = pytest.mark.fast

REQUESTS = DesiredStack(SETTINGS, TARGETS)
ALARMS = {name.removeprefix("totestream-test-"): alarm for name, alarm in Alarms.desired(REQUESTS)}
FUNCTIONS = {function.name for function in REQUESTS.all_functions}
OWN = {function.name for function in REQUESTS.all_functions if not function.table}
# What is made, by the dimension that names it.
MADE = {
    "FunctionName": FUNCTIONS,
    "QueueName": {name for name, _ in Queues.desired(REQUESTS)},
    "TopicName": {name for name, _ in Topics.desired(REQUESTS)},
}
OURS = {metric.name for metric in METRICS}

# By namespace: its metrics that can be used here, and the dimension that names a resource. AWS's lists:
# docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html (and ...-metrics-view.html for FunctionName),
# docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
AWS = {
    "AWS/Lambda": (
        {
            *("Invocations", "Errors", "DeadLetterErrors", "DestinationDeliveryFailures", "Throttles", "Duration"),
            *("ConcurrentExecutions", "AsyncEventsReceived", "AsyncEventAge", "AsyncEventsDropped"),
        },
        "FunctionName",
    ),
    "AWS/SQS": (
        {
            *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesDelayed"),
            *("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesVisible", "NumberOfEmptyReceives"),
            *("NumberOfMessagesDeleted", "NumberOfMessagesReceived", "NumberOfMessagesSent", "SentMessageSize"),
        },
        "QueueName",
    ),
    "AWS/SNS": (
        {
            *("NumberOfMessagesPublished", "NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"),
            *("NumberOfNotificationsFilteredOut", "NumberOfNotificationsRedrivenToDlq", "PublishSize"),
            "NumberOfNotificationsFailedToRedriveToDlq",
        },
        "TopicName",
    ),
}
# docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
STATISTICS = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}


def assert_it_is_put(namespace: str, metric: str, dimensions: dict[str, str]) -> None:
    """Expect a metric that watch publishes without dimensions, or that AWS publishes about a resource of ours."""
    if namespace == NAMES.prefix:
        assert (metric in OURS, dimensions) == (True, {})
        return
    metrics, dimension = AWS[namespace]
    assert metric in metrics
    assert dimensions.keys() == {dimension} and dimensions[dimension] in MADE[dimension]


@pytest.mark.parametrize("noun", ALARMS)
def test_an_alarm_is_on_a_metric_that_somebody_puts(noun: str) -> None:
    alarm = ALARMS[noun]
    dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
    assert_it_is_put(alarm["Namespace"], alarm["MetricName"], dimensions)
    assert alarm["Statistic"] in STATISTICS
    assert alarm["ComparisonOperator"] in ("GreaterThanThreshold", "LessThanThreshold")


@pytest.mark.parametrize("noun", ALARMS)
def test_an_alarm_tells_beginning_and_end_to_a_topic_of_ours_that_lets_it(noun: str) -> None:
    alarm = ALARMS[noun]
    policies = {
        NAMES.arn("sns", name): json.loads(topic["Attributes"]["Policy"])["Statement"]
        for name, topic in Topics.desired(REQUESTS)
    }
    (topic,) = alarm["AlarmActions"]
    assert alarm["OKActions"] == [topic] and alarm["ActionsEnabled"]
    (lets,) = [each for each in policies[topic] if each["Principal"] == {"Service": "cloudwatch.amazonaws.com"}]
    assert lets["Condition"]["StringEquals"] == {"aws:SourceAccount": NAMES.account}
    source = lets["Condition"]["ArnLike"]["aws:SourceArn"]
    assert NAMES.arn("cloudwatch", f"alarm:{alarm['AlarmName']}").startswith(source.removesuffix("*"))
    # And somebody hears it.
    assert topic in [request["TopicArn"] for _, request in AlertSubscriptions.desired(REQUESTS)]


@pytest.mark.parametrize("noun", ALARMS)
def test_an_alarm_says_what_to_run(noun: str) -> None:
    says = ALARMS[noun]["AlarmDescription"]
    assert "Run infra_bash/" in says
    assert len(says) <= 1024


def test_the_metrics_of_ours_are_those_that_watch_puts() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    loaded = LoadHealth(now, "a", 1, 1, 0, {}, {}, {"dim_staff": TableHealth(1, now.replace(tzinfo=None))})
    targets = {"dim_staff": WAREHOUSE["dim_staff"]}
    assert metrics(Observation(now, now, timedelta(minutes=5), targets, load=loaded), 0).keys() == OURS


def test_few_enough_to_cost_nothing() -> None:
    assert len(ALARMS) <= 10 and len(METRICS) <= 10
    assert len(OURS) == len(METRICS)


def test_each_function_that_must_not_fail_unseen_has_an_alarm_and_those_of_the_alerts_themselves_go_by_mail() -> None:
    failing = {noun: alarm for noun, alarm in ALARMS.items() if alarm["MetricName"] == "Errors"}
    watched = {
        alarm["Dimensions"][0]["Value"]: alarm["AlarmActions"][0].rpartition("-")[2] for alarm in failing.values()
    }
    assert watched == {
        NAMES("extract"): "alerts",
        NAMES("load"): "alerts",
        NAMES("watch"): "mail",
        NAMES("alert"): "mail",
    }


def seen(alarm: dict[str, Any], **data: float) -> bool:
    """Return whether the data of one period, by statistic, begin the alarm."""
    value, threshold = data[alarm["Statistic"]], float(alarm["Threshold"])
    return value > threshold if alarm["ComparisonOperator"] == "GreaterThanThreshold" else value < threshold


@pytest.mark.parametrize("noun", ["extract-errors", "load-errors", "watch-errors", "alert-errors"])
def test_one_error_begins_the_alarm_and_none_does_not(noun: str) -> None:
    alarm = ALARMS[noun]
    assert seen(alarm, Sum=1.0) and not seen(alarm, Sum=0.0)
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 1)
    # A function that is not invoked has no data, and has not failed.
    assert alarm["TreatMissingData"] == "notBreaching"


def test_an_undelivered_alert_begins_an_alarm_also_while_incidents_are_open() -> None:
    """Expect a metric of its own: an alarm acts when it begins, and open-incidents has begun already."""
    alarm = ALARMS["alerts-undelivered"]
    assert seen(alarm, Sum=1.0) and not seen(alarm, Sum=0.0)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SNS", "NumberOfNotificationsFailed")
    assert alarm["Dimensions"] == [{"Name": "TopicName", "Value": NAMES("alerts")}]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 1)
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [NAMES.topic_arn("mail")]


def test_one_incident_begins_the_alarm_and_a_minute_without_a_check_changes_nothing() -> None:
    alarm = ALARMS["open-incidents"]
    assert seen(alarm, Maximum=1.0) and not seen(alarm, Maximum=0.0)
    assert alarm["TreatMissingData"] == "ignore"
    assert alarm["AlarmActions"] == [NAMES.topic_arn("mail")]


def test_silence_of_watch_begins_an_alarm_after_minutes_and_a_check_ends_it() -> None:
    alarm = ALARMS["watch-silent"]
    assert alarm["MetricName"] == OPEN_INCIDENTS.name
    assert not seen(alarm, SampleCount=1.0)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] >= 3
    assert alarm["AlarmActions"] == [NAMES.topic_arn("mail")]


def graphs(requests: DesiredStack = REQUESTS) -> list[dict[str, Any]]:
    ((_, request),) = Dashboards.desired(requests)
    return [widget["properties"] for widget in json.loads(request["DashboardBody"])["widgets"]]


def lines(requests: DesiredStack = REQUESTS) -> list[list[Any]]:
    found = [line for graph in graphs(requests) for line in graph["metrics"]]
    return [[part for part in line if isinstance(part, str)] for line in found]


def test_every_line_of_the_dashboard_is_of_a_metric_that_somebody_puts() -> None:
    for namespace, metric, *dimensions in lines():
        assert_it_is_put(namespace, metric, dict(zip(dimensions[::2], dimensions[1::2], strict=True)))
    assert {graph["stat"] for graph in graphs()} <= STATISTICS
    assert {graph["region"] for graph in graphs()} == {NAMES.region}


def test_the_dashboard_shows_all_metrics_of_ours_and_every_function() -> None:
    shown = lines()
    assert {metric for namespace, metric, *_ in shown if namespace == NAMES.prefix} == OURS
    assert {line[3] for line in shown if line[:2] == ["AWS/Lambda", "Errors"]} == FUNCTIONS
    assert {line[3] for line in shown if line[:2] == ["AWS/Lambda", "Duration"]} == OWN


@pytest.mark.parametrize("tables", [0, 11, 14, 15, 28, 29, 60])
def test_the_dashboard_costs_nothing_however_many_tables_there_are(tables: int) -> None:
    """Expect fifty metrics at most, which are free. The graphs of the tables are left out first, each as a whole."""
    queues = {f"fact_{number}": StubTarget(f"fact_{number}", ("staff",)) for number in range(tables)}
    shown = lines(DesiredStack(SETTINGS, queues))
    assert len(shown) <= 50
    for kind, most in ((["AWS/SQS"], 14), (["AWS/Lambda", "Errors"], 28)):
        of_tables = [line for line in shown if line[: len(kind)] == kind and line[3] not in OWN]
        assert len(of_tables) == (tables if tables <= most else 0)
    assert len([line for line in shown if line[0] == NAMES.prefix]) == len(OURS)
    assert len([line for line in shown if line[0] == "AWS/Lambda" and line[3] in OWN]) == 2 * len(OWN)


def test_of_the_tables_that_there_are_nothing_is_left_out() -> None:
    assert {line[3] for line in lines(DesiredStack(SETTINGS, WAREHOUSE)) if line[0] == "AWS/SQS"} == {
        NAMES.queue(table) for table in WAREHOUSE
    }


def test_the_dashboards_graphs_do_not_cover_each_other() -> None:
    ((_, request),) = Dashboards.desired(REQUESTS)
    widgets = json.loads(request["DashboardBody"])["widgets"]
    cells = [(w["x"] + x, w["y"] + y) for w in widgets for x in range(w["width"]) for y in range(w["height"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
