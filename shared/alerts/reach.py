"""Find out whether an alert would reach a person now, without sending one."""

from collections.abc import Callable
from typing import Literal

import msgspec

from shared.errors import TotestreamError

NOBODY_SET = "neither SLACK_SECRET nor ALERT_EMAIL is set"


class Reach(msgspec.Struct, frozen=True):
    """By which way an alert would go, and why not by a better one: `reason` is for people and may be empty."""

    via: Literal["slack", "mail", "nobody"]
    reason: str = ""


def reach(probe: Callable[[], None] | None, is_confirmed: Callable[[], bool], address: str) -> Reach:
    """Return where an alert would go.

    `probe` raises when Slack would not accept a message, and is None without a webhook; `is_confirmed` says whether
    the e-mail `address` has confirmed its subscription.
    """
    reasons = []
    if probe:
        try:
            probe()
            return Reach("slack")
        except TotestreamError as error:
            reasons.append(str(error))
    if address:
        try:
            if is_confirmed():
                return Reach("mail", "; ".join(reasons))
            reasons.append(f"{address} has not confirmed its subscription: the e-mail from AWS has the link")
        except TotestreamError as error:
            reasons.append(str(error))
    return Reach("nobody", "; ".join(reasons) or NOBODY_SET)
