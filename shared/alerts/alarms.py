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


def _errors(function: str, topic: str, consequence: str) -> Alarm:
    return Alarm(
        f"{function}-errors",
        "Errors",
        "Sum",
        # Whatever the schedule: one that fails each hour is seen as one that fails each minute. Five minutes, so that
        # one that fails each minute rings once, and not each minute anew.
        period_s=300,
        periods=1,
        comparison="GreaterThanThreshold",
        # None is usual: what will pass by itself is tried again inside, and who finds another at work leaves in peace.
        threshold=0.0,
        # Who was not invoked has not failed.
        missing="notBreaching",
        topic=topic,
        says=f"The function {function} has failed: {consequence} Run infra_bash/logs.sh {function}.",
        namespace=LAMBDA,
        thing=function,
    )


# While one incident is open `open-incidents` rings already, and says nothing of the next.
_UNHEARD = Alarm(
    "alerts-undelivered",
    "NumberOfNotificationsFailed",
    "Sum",
    # As for errors: what fails each minute rings once.
    period_s=300,
    periods=1,
    comparison="GreaterThanThreshold",
    # What SNS counts it has given up, after tries of its own.
    threshold=0.0,
    # A topic that says nothing has no data.
    missing="notBreaching",
    topic=MAIL,
    says="What the topic alerts tells has not reached the function alert, nor Slack. Run infra_bash/deploy.sh, and then"
    " infra_bash/status.sh to see what was told.",
    namespace=SNS,
    thing=ALERTS,
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
