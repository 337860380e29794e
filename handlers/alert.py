"""Send the messages of the topic `alerts` to people: to Slack, and by e-mail when Slack fails or is not set up."""

import time
from typing import Any

from handlers.invocation import Invocation, failure_logged, invocation
from shared.alerts.deliver import DeliveryDependencies, deliver
from shared.alerts.notice import StackId
from shared.alerts.slack import Slack
from shared.aws.secrets import get_webhook
from shared.aws.topic import SnsTopic
from shared.names import MAIL


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Return how many messages were sent. Raises when one of them reached nobody: then Lambda calls again."""
    records = event.get("Records", [])
    with failure_logged("alerts have reached nobody"):
        deliver(records, outside(invocation(context)))
    return {"told": len(records)}


def outside(call: Invocation) -> DeliveryDependencies:
    settings, names = call.settings, call.settings.names
    secret = settings.get("SLACK_SECRET")

    def post(payload: dict[str, Any]) -> None:
        # The secret is read for each message, so that a webhook that was just replaced is used at once.
        Slack(get_webhook(secret), secret, settings["SLACK_HOSTS"], call.time_left_s).post(payload)

    return DeliveryDependencies(
        here=StackId(names.prefix, names.region),
        post=post if secret else None,
        mail=SnsTopic(names.topic_arn(MAIL)),
        address=settings.get("ALERT_EMAIL"),
        clock=time.monotonic,
    )
