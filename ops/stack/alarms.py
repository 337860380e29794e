"""The CloudWatch alarms: few, since what is wrong with a table is an incident, which watch finds and names.

They are for what watch cannot say itself: that there are incidents though nobody is told (Slack or the function alert
is broken), that a function fails or is not reached, that watch is silent. Whatever concerns watch and alert goes to the
topic `mail`, which needs neither of them. AWS gives an account ten alarms for nothing: these are seven.
"""

from dataclasses import dataclass
from typing import Literal

from shared.alerts.metrics import OPEN_INCIDENTS
from shared.names import ALERTS, MAIL

LAMBDA, SNS = "AWS/Lambda", "AWS/SNS"
# The dimension by which AWS tells one thing's metric from another's.
DIMENSIONS = {LAMBDA: "FunctionName", SNS: "TopicName"}
# The minute in which watch looks and puts its metrics.
LOOK_S = 60


@dataclass(frozen=True)
class Alarm:
    """`statistic` of `metric` over `period_s` compared with `threshold`, `periods` times one after the other; all of
    them must be over it. `missing` is how a period without data counts. `namespace` of AWS, and the noun of the `thing`
    there whose metric it is; empty: it is one of ours. `topic` hears of its beginning and of its end. `says` is what is
    wrong and what to run.
    """

    noun: str
    metric: str
    statistic: Literal["Maximum", "SampleCount", "Sum"]
    period_s: int
    periods: int
    comparison: Literal["GreaterThanThreshold", "LessThanThreshold"]
    threshold: float
    missing: Literal["breaching", "ignore", "notBreaching"]
    topic: str
    says: str
    namespace: str = ""
    thing: str = ""


_INCIDENTS = Alarm(
    "open-incidents",
    OPEN_INCIDENTS.name,
    # Two looks may fall into one minute: an incident that either of them saw is one.
    "Maximum",
    LOOK_S,
    # At once: watch has been patient already before it calls something an incident.
    periods=1,
    comparison="GreaterThanThreshold",
    threshold=0.0,
    # A minute without a look says nothing of the incidents, neither that they began nor that they ended.
    missing="ignore",
    topic=MAIL,
    says="Incidents are open; by Slack you have their names. Run infra_bash/status.sh.",
)

_SILENCE = Alarm(
    "watch-silent",
    OPEN_INCIDENTS.name,
    "SampleCount",
    LOOK_S,
    # A schedule's minute may be late, and a look fail: five one after the other are no accident. A pause leaves watch
    # on, and a deploy stops it for seconds. Of a new stack this alarm says ALARM until the first look, for a minute.
    periods=5,
    comparison="LessThanThreshold",
    threshold=1.0,
    # The very thing to be seen: who is dead puts no data.
    missing="breaching",
    topic=MAIL,
    says="watch has not looked for 5 minutes, so nobody sees what else is wrong. Run infra_bash/logs.sh watch; where"
    " that shows nothing, infra_bash/deploy.sh.",
)


def _failures(noun: str, metric: str, namespace: str, thing: str, topic: str, says: str) -> Alarm:
    """Of a metric of AWS that counts what failed of a thing."""
    return Alarm(
        noun,
        metric,
        "Sum",
        # Whatever the schedule: one that fails each hour is seen as one that fails each minute. Five minutes, so that
        # one that fails each minute rings once, and not each minute anew.
        period_s=300,
        periods=1,
        comparison="GreaterThanThreshold",
        # None is usual: what will pass by itself is tried again inside, and who finds another at work leaves in peace.
        threshold=0.0,
        # Who was not called has not failed, and puts no data.
        missing="notBreaching",
        topic=topic,
        says=says,
        namespace=namespace,
        thing=thing,
    )


def _errors(function: str, topic: str, consequence: str) -> Alarm:
    says = f"The function {function} has failed: {consequence} Run infra_bash/logs.sh {function}."
    return _failures(f"{function}-errors", "Errors", LAMBDA, function, topic, says)


# While one incident is open `open-incidents` rings already, and says nothing of the next.
_UNHEARD = _failures(
    "alerts-undelivered",
    "NumberOfNotificationsFailed",
    SNS,
    ALERTS,
    MAIL,
    "What the topic alerts tells has not reached the function alert, nor Slack. Run infra_bash/deploy.sh, and then"
    " infra_bash/status.sh to see what was told.",
)


ALARMS = (
    _INCIDENTS,
    _SILENCE,
    _errors("extract", ALERTS, "changes of the source wait for its next schedule."),
    _errors("load", ALERTS, "what was transformed waits for its next schedule."),
    _errors("watch", MAIL, "a look is missing, and what it would have told."),
    _errors("alert", MAIL, "Slack may not have been told of an incident."),
    _UNHEARD,
)
