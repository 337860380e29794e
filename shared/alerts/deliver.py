"""What becomes of each SNS message of the topic `alerts`: it is shown in Slack, or else sent by e-mail."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared import log
from shared.alerts.message import mail_subject, mail_text, slack_payload
from shared.alerts.notice import Notice, Place, notice_from
from shared.errors import TotestreamError, TransientError


class Mail(Protocol):
    def tell(self, texts: Sequence[str], subject: str = "") -> None:
        """Send every text, or raise."""


@dataclass(frozen=True)
class Outside:
    """`post` shows a payload in Slack, or raises; None: this stack has no Slack. `clock` counts seconds."""

    here: Place
    post: Callable[[dict[str, Any]], None] | None
    mail: Mail
    clock: Callable[[], float]


def deliver(records: Iterable[Mapping[str, Any]], outside: Outside) -> None:
    """Tell each record of an SNS event, whatever becomes of the others.

    Raises the last error of the e-mails when any record has reached nobody. A record may be told twice, if Slack had
    it and its answer was lost: once too often is better than never.
    """
    failures = [_tell(notice_from(*_content(record), outside.here), outside) for record in records]
    for failure in reversed(failures):
        if failure:
            raise failure


def _content(record: Mapping[str, Any]) -> tuple[str, str]:
    sns = record.get("Sns", {})
    return str(sns.get("Message", "")), str(sns.get("Subject") or "")


def _tell(notice: Notice, outside: Outside) -> Exception | None:
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
    why = {"slack": _reason(unreached)} if unreached else {}
    unsent = _failure(lambda: outside.mail.tell([mail_text(notice, why.get("slack", ""))], mail_subject(notice)))
    if unsent:
        report(_level(unsent), "nothing", **why, mail=_reason(unsent))
    else:
        report(_level(unreached), "mail", **why)
    return unsent


def _failure(call: Callable[[], None]) -> Exception | None:
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the one place: whatever is wrong with one way, the other is tried
        return error
    return None


def _reason(error: Exception) -> str:
    """Of a bug only its name is told: its text may hold the webhook."""
    return str(error) if isinstance(error, TotestreamError) else f"a bug: {type(error).__name__}"


def _level(error: Exception | None) -> Callable[..., None]:
    if not error:
        return log.info
    return log.warning if isinstance(error, TransientError) else log.error
