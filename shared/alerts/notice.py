"""A notice: what a message of the topic `alerts` says, be it an alert of watch's, a CloudWatch alarm, or any other
text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from shared.alerts.documents import Alert
from shared.errors import BadDocument
from shared.json import decode_json
from shared.lake.documents import decode

# The version of `Alert` that this code can read; another version is shown as received.
VERSION = 1
NoticeEvent = Literal["begun", "open", "ended", "note"]
"""An Alert's event, or `note`: a text that neither begins nor ends anything."""


@dataclass(frozen=True)
class Notice:
    """All that a message to people contains. Its texts are `readable`; `since` and `at` are UTC, or None if unknown.

    `numbers` are shown in this order. Empty fields are not shown. A notice that `is_suppressed` is not sent.
    """

    event: NoticeEvent
    kind: str
    subject: str
    stack: str
    region: str
    title: str
    says: str
    since: datetime | None = None
    at: datetime | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    command: str = ""
    runbook: str = ""
    is_suppressed: bool = False

    @property
    def lasted(self) -> timedelta | None:
        """Return how long it has lasted, never below zero even if two clocks disagree; None if unknown."""
        return max(self.at - self.since, timedelta(0)) if self.at and self.since else None


class AlarmNotice(msgspec.Struct, frozen=True, rename="pascal"):
    """The message that CloudWatch publishes about an alarm. Its Region is a display name, "Europe (London)"."""

    alarm_name: str
    new_state_value: str
    old_state_value: str = ""
    new_state_reason: str = ""
    state_change_time: str = ""
    alarm_description: str | None = None


@dataclass(frozen=True)
class StackId:
    """The stack that this code belongs to: messages from CloudWatch and others do not name it."""

    stack: str
    region: str


def notice_from(text: str, title: str, here: StackId) -> Notice:
    """Return the notice of an SNS message: its text, with its subject as the title of an unknown text. Never raises."""
    body = text.encode(errors="replace")
    return _from_alert(body) or _from_alarm(body, here) or _from_any(text, title, here)


def readable(text: str) -> str:
    """Return `text` without characters that SNS or Slack would reject: control characters and halves of surrogate
    pairs.
    """
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text).strip()


def _from_alert(body: bytes) -> Notice | None:
    try:
        alert = decode(body, Alert, "the message")
    except BadDocument:
        return None
    incident = alert.incident
    if alert.version != VERSION:
        return None
    return Notice(
        event=alert.event,
        kind=readable(incident.kind),
        subject=readable(incident.subject),
        stack=readable(alert.stack),
        region=readable(alert.region),
        title=readable(incident.title),
        says=readable(incident.says),
        since=_utc(incident.since),
        at=_utc(alert.at),
        numbers={readable(name): value for name, value in incident.numbers.items()},
        command=readable(incident.command),
        runbook=readable(incident.runbook),
    )


# An alarm without data (INSUFFICIENT_DATA) has neither begun nor ended.
STATES: dict[str, tuple[NoticeEvent, str]] = {
    "ALARM": ("begun", "the alarm is on"),
    "OK": ("ended", "the alarm is over"),
}


def _from_alarm(body: bytes, here: StackId) -> Notice | None:
    try:
        alarm = decode_json(body, AlarmNotice, "the message")
    except BadDocument:
        return None
    event, title = STATES.get(alarm.new_state_value, ("note", f"the alarm is {alarm.new_state_value}"))
    changed = _time(alarm.state_change_time)
    return Notice(
        event=event,
        kind="alarm",
        subject=readable(alarm.alarm_name),
        stack=here.stack,
        region=here.region,
        title=readable(title),
        says=readable(f"{alarm.alarm_description or ''}\n{alarm.new_state_reason}"),
        # The message of its end does not contain its beginning.
        since=changed if event == "begun" else None,
        at=changed,
        command="./infra_bash/status.sh",
        # A new alarm's first data: it was never on.
        is_suppressed=(alarm.old_state_value, alarm.new_state_value) == ("INSUFFICIENT_DATA", "OK"),
    )


def _from_any(text: str, title: str, here: StackId) -> Notice:
    title = readable(title) or "A message that this version does not know"
    return Notice("note", "message", "", here.stack, here.region, title, readable(text))


def _time(text: str) -> datetime | None:
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    """Return the time in UTC; a time without a zone is UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:  # year 1 or 9999: not a real time
        return moment.replace(tzinfo=UTC)
