"""Tell people what the topic `alerts` says: in Slack, and by e-mail when Slack is not reached or there is none."""

import os
import time
from collections.abc import Callable
from typing import Any

from shared import log
from shared.alerts.deliver import DeliveryDependencies, deliver
from shared.alerts.notice import StackId
from shared.alerts.slack import Slack
from shared.aws.secrets import get_webhook
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.names import MAIL
from shared.settings import Settings


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How many were told. Raises when one of them has reached nobody: then Lambda calls again."""

    def time_left_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    records = event.get("Records", [])
    try:
        deliver(records, outside(Settings(os.environ), time_left_s))
    except TotestreamError as error:
        log.failure("alerts have reached nobody", error)
        raise
    return {"told": len(records)}


def outside(settings: Settings, time_left_s: Callable[[], float]) -> DeliveryDependencies:
    names, secret = settings.names, settings.get("SLACK_SECRET")

    def post(payload: dict[str, Any]) -> None:
        # Read anew each time: a webhook that was just replaced is the one that works.
        Slack(get_webhook(secret), secret, settings["SLACK_HOSTS"], time_left_s).post(payload)

    return DeliveryDependencies(
        here=StackId(names.prefix, names.region),
        post=post if secret else None,
        mail=SnsTopic(names.topic_arn(MAIL)),
        address=settings.get("ALERT_EMAIL"),
        clock=time.monotonic,
    )
