"""Deliver each SNS message of the topic `alerts` to Slack, or else by e-mail."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared import log
from shared.alerts.message import mail_subject, mail_text, slack_payload
from shared.alerts.notice import Notice, StackId, notice_from
from shared.errors import PermanentError, TotestreamError, TransientError


class Mail(Protocol):
    def publish(self, texts: Sequence[str], subject: str = "") -> None:
        """Send every text, or raise."""


@dataclass(frozen=True)
class DeliveryDependencies:
    """What delivery needs. `post` sends a payload to Slack, or raises; None if this stack has no Slack.

    `mail` is a topic that accepts every text; it reaches a person only if there is an `address`. `clock` counts
    seconds.
    """

    here: StackId
    post: Callable[[dict[str, Any]], None] | None
    mail: Mail
    address: str
    clock: Callable[[], float]


def deliver(records: Iterable[Mapping[str, Any]], dependencies: DeliveryDependencies) -> None:
    """Deliver each record of an SNS event, whatever happens to the others.

    Raises the last error if a record reached nobody, except in a stack with neither Slack nor an address, which chose
    to alert nobody. A record may be delivered twice, if Slack accepted it and the response was lost.
    """
    failures = [_deliver_one(notice_from(*_content(record), dependencies.here), dependencies) for record in records]
    for failure in reversed(failures):
        if failure:
            raise failure


def _content(record: Mapping[str, Any]) -> tuple[str, str]:
    sns = record.get("Sns", {})
    return str(sns.get("Message", "")), str(sns.get("Subject") or "")


def _deliver_one(notice: Notice, dependencies: DeliveryDependencies) -> TotestreamError | None:
    """Deliver one notice and log one line about it; return the error if the notice reached nobody."""
    begun, post = dependencies.clock(), dependencies.post

    def report(level: Callable[..., None], via: str, **more: str) -> None:
        about = {"stack": notice.stack, "event": notice.event, "kind": notice.kind, "subject": notice.subject}
        level("alert was handled", **about, via=via, seconds=round(dependencies.clock() - begun, 3), **more)

    if notice.is_suppressed:
        report(log.info, "nobody")
        return None
    unreached = _failure(lambda: post(slack_payload(notice))) if post else None
    if post and not unreached:
        report(log.info, "slack")
        return None
    why = {"slack": str(unreached)} if unreached else {}
    # Also without an address: somebody may subscribe in another way. It then does not count as delivered.
    unsent = _failure(
        lambda: dependencies.mail.publish([mail_text(notice, why.get("slack", ""))], mail_subject(notice))
    )
    lost = unsent or (None if dependencies.address else unreached)
    via = "nothing" if lost else "mail" if dependencies.address else "nobody"
    report(_level(lost or unreached), via, **why, **({"mail": str(unsent)} if unsent else {}))
    return lost


def _failure(call: Callable[[], None]) -> TotestreamError | None:
    """Return the error of a call, None if it succeeded. An unknown error is reduced to its class name: its text may
    contain the webhook.
    """
    try:
        call()
    except TotestreamError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the one place: after any error, the other way is tried
        return PermanentError(f"a bug: {type(error).__name__}")
    return None


def _level(error: TotestreamError | None) -> Callable[..., None]:
    if not error:
        return log.info
    return log.warning if isinstance(error, TransientError) else log.error
