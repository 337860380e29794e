"""Send the messages of the topic `alerts` to people: to Slack, and by e-mail when Slack fails or is not set up."""

import time
from typing import Any

from msgspec import to_builtins

from handlers.invocation import Invocation, failure_logged, invocation
from shared import log
from shared.alerts.deliver import DeliveryDependencies, deliver
from shared.alerts.notice import StackId
from shared.alerts.reach import Reach, reach
from shared.alerts.slack import Slack
from shared.aws.secrets import get_webhook
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.names import MAIL

TEST = "Alerts of this stack arrive here. This is a test: nothing is wrong."


def handler(event: dict[str, Any], context: Any) -> Any:
    """Return how many messages of SNS were sent. Raises when one of them reached nobody: then Lambda calls again.

    `{"do": "check"}` returns where a message would go, `{"do": "test"}` sends one and returns the same.
    """
    call = invocation(context)
    match event:
        case {"do": "check"}:
            return to_builtins(reach_of(call))
        case {"do": "test"}:
            return to_builtins(reach_of_test(call))
    records = event.get("Records", [])
    with failure_logged("alerts have reached nobody"):
        deliver(records, outside(call))
    return {"told": len(records)}


def reach_of(call: Invocation) -> Reach:
    settings = call.settings
    mail = SnsTopic(settings.names.topic_arn(MAIL))
    probe = (lambda: slack(call).probe()) if settings.get("SLACK_SECRET") else None
    return reach(probe, lambda: mail.has_confirmed_subscription, settings.get("ALERT_EMAIL"))


def reach_of_test(call: Invocation) -> Reach:
    """Send a test message, and return where it went."""
    try:
        deliver([{"Sns": {"Message": TEST, "Subject": "A test"}}], outside(call))
    except TotestreamError as error:
        log.failure("the test alert has reached nobody", error)
        return Reach("nobody", str(error))
    return reach_of(call)


def slack(call: Invocation) -> Slack:
    # The secret is read for each message, so that a webhook that was just replaced is used at once.
    secret = call.settings["SLACK_SECRET"]
    return Slack(get_webhook(secret), secret, call.settings["SLACK_HOSTS"], call.time_left_s)


def outside(call: Invocation) -> DeliveryDependencies:
    settings, names = call.settings, call.settings.names
    return DeliveryDependencies(
        here=StackId(names.prefix, names.region),
        post=(lambda payload: slack(call).post(payload)) if settings.get("SLACK_SECRET") else None,
        mail=SnsTopic(names.topic_arn(MAIL)),
        address=settings.get("ALERT_EMAIL"),
        clock=time.monotonic,
    )
