"""The CloudWatch alarms. There are few, because watch finds and names what is wrong with a table, as an incident.

An alarm is for what watch cannot report: incidents that reached no person (Slack or the function alert is broken), a
function that fails or is not invoked, and a watch that does not run. Alarms about watch and alert go to the topic
`mail`, which needs neither function. An account has ten alarms free of charge; these are seven.
"""

from dataclasses import dataclass
from typing import Literal

from shared.alerts.metrics import OPEN_INCIDENTS
from shared.names import ALERTS, MAIL

LAMBDA, SNS = "AWS/Lambda", "AWS/SNS"
# The dimension that names the resource of a metric, by namespace of AWS.
DIMENSIONS = {LAMBDA: "FunctionName", SNS: "TopicName"}
# The interval in which watch checks and publishes its metrics.
CHECK_S = 60


@dataclass(frozen=True)
class Alarm:
    """An alarm. It begins when `statistic` of `metric` over `period_s` has passed `threshold` in `periods` consecutive
    periods.

    `missing_data` says how a period without data counts. `namespace` is AWS's, and `resource` the noun of the function
    or topic that the metric is about; both are empty for a metric of ours. `topic` receives its beginning and its end.
    `message` says what is wrong and what to run.
    """

    noun: str
    metric: str
    statistic: Literal["Maximum", "SampleCount", "Sum"]
    period_s: int
    periods: int
    comparison: Literal["GreaterThanThreshold", "LessThanThreshold"]
    threshold: float
    missing_data: Literal["breaching", "ignore", "notBreaching"]
    topic: str
    message: str
    namespace: str = ""
    resource: str = ""


_INCIDENTS = Alarm(
    "open-incidents",
    OPEN_INCIDENTS.name,
    # Two checks may be in one minute: an incident that either of them found counts.
    "Maximum",
    CHECK_S,
    # One period is enough: watch has waited already before it reports an incident.
    periods=1,
    comparison="GreaterThanThreshold",
    threshold=0.0,
    # A minute without a check shows neither that incidents began nor that they ended.
    missing_data="ignore",
    topic=MAIL,
    message="Incidents are open; the messages in Slack name them. Run infra_bash/status.sh.",
)

_WATCH_SILENT = Alarm(
    "watch-silent",
    OPEN_INCIDENTS.name,
    "SampleCount",
    CHECK_S,
    # A scheduled minute may be late and one check may fail, but not five in a row. A pause does not stop watch, and a
    # deploy stops it for seconds only. In a new stack this alarm is on until the first check, for a minute.
    periods=5,
    comparison="LessThanThreshold",
    threshold=1.0,
    # A watch that does not run publishes no data.
    missing_data="breaching",
    topic=MAIL,
    message="watch has not run for 5 minutes, so no other fault is reported. Run infra_bash/logs.sh watch; if it shows"
    " nothing, run infra_bash/deploy.sh.",
)


def _failures(noun: str, metric: str, namespace: str, resource: str, topic: str, message: str) -> Alarm:
    """Return an alarm on a metric of AWS that counts the failures of a function or topic."""
    return Alarm(
        noun,
        metric,
        "Sum",
        # The same for every schedule: one failure is enough. The period is five minutes, so that a function that fails
        # each minute causes one alarm and not one each minute.
        period_s=300,
        periods=1,
        comparison="GreaterThanThreshold",
        # No failure is normal: functions retry transient errors themselves, and end without an error when another
        # invocation holds the lock.
        threshold=0.0,
        # A function that was not invoked has not failed, and has no data.
        missing_data="notBreaching",
        topic=topic,
        message=message,
        namespace=namespace,
        resource=resource,
    )


def _errors(function: str, topic: str, consequence: str) -> Alarm:
    message = f"The function {function} has failed: {consequence} Run infra_bash/logs.sh {function}."
    return _failures(f"{function}-errors", "Errors", LAMBDA, function, topic, message)


# While one incident is open, the alarm open-incidents is on already and does not report the next one.
_UNDELIVERED = _failures(
    "alerts-undelivered",
    "NumberOfNotificationsFailed",
    SNS,
    ALERTS,
    MAIL,
    "SNS could not deliver a message of the topic alerts to the function alert, so it did not reach Slack. Run"
    " infra_bash/deploy.sh, and then infra_bash/status.sh, which shows the incidents.",
)


ALARMS = (
    _INCIDENTS,
    _WATCH_SILENT,
    _errors("extract", ALERTS, "changes of the source wait for its next scheduled run."),
    _errors("load", ALERTS, "manifests wait for its next scheduled run."),
    _errors("watch", MAIL, "one check is missing, with the incidents that it would have found."),
    _errors("alert", MAIL, "a message about an incident may not have reached Slack."),
    _UNDELIVERED,
)
