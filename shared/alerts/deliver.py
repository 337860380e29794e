"""What becomes of each SNS message of the topic `alerts`: it is shown in Slack, or else sent by e-mail."""

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
    """`post` shows a payload in Slack, or raises; None: this stack has no Slack. `mail` is a topic, which takes
    everything: only where there is an `address` does it write to somebody. `clock` counts seconds.
    """

    here: StackId
    post: Callable[[dict[str, Any]], None] | None
    mail: Mail
    address: str
    clock: Callable[[], float]


def deliver(records: Iterable[Mapping[str, Any]], outside: DeliveryDependencies) -> None:
    """Tell each record of an SNS event, whatever becomes of the others.

    Raises the last error when any record has reached nobody, though somebody should have been reached: a stack with
    neither Slack nor an address has chosen so. A record may be told twice, if Slack had it and its answer was lost:
    once too often is better than never.
    """
    failures = [_tell(notice_from(*_content(record), outside.here), outside) for record in records]
    for failure in reversed(failures):
        if failure:
            raise failure


def _content(record: Mapping[str, Any]) -> tuple[str, str]:
    sns = record.get("Sns", {})
    return str(sns.get("Message", "")), str(sns.get("Subject") or "")


def _tell(notice: Notice, outside: DeliveryDependencies) -> TotestreamError | None:
    """One record and its one line in the log; the error, when it has reached nobody."""
    begun, post = outside.clock(), outside.post

    def report(level: Callable[..., None], via: str, **more: str) -> None:
        about = {"stack": notice.stack, "event": notice.event, "kind": notice.kind, "subject": notice.subject}
        level("alert was handled", **about, via=via, seconds=round(outside.clock() - begun, 3), **more)

    if notice.is_no_news:
        report(log.info, "nobody")
        return None
    unreached = _failure(lambda: post(slack_payload(notice))) if post else None
    if post and not unreached:
        report(log.info, "slack")
        return None
    why = {"slack": str(unreached)} if unreached else {}
    # Also without an address: somebody may listen in another way. But then nobody knows, and it counts for nothing.
    unsent = _failure(lambda: outside.mail.publish([mail_text(notice, why.get("slack", ""))], mail_subject(notice)))
    lost = unsent or (None if outside.address else unreached)
    via = "nothing" if lost else "mail" if outside.address else "nobody"
    report(_level(lost or unreached), via, **why, **({"mail": str(unsent)} if unsent else {}))
    return lost


def _failure(call: Callable[[], None]) -> TotestreamError | None:
    """Of a bug only its name is told, and nothing of it is raised: its text may hold the webhook."""
    try:
        call()
    except TotestreamError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the one place: whatever is wrong with one way, the other is tried
        return PermanentError(f"a bug: {type(error).__name__}")
    return None


def _level(error: TotestreamError | None) -> Callable[..., None]:
    if not error:
        return log.info
    return log.warning if isinstance(error, TransientError) else log.error
