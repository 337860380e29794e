"""What a message of the topic `alerts` tells: an alert of watch's, an alarm of CloudWatch's, or any other text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from shared.alerts.documents import Alert
from shared.errors import BadDocument
from shared.lake.documents import decode, decode_json

# The version of `Alert` that this code can read; another is shown as it came.
VERSION = 1
What = Literal["begun", "open", "ended", "told"]
"""As an Alert's event; `told` neither begins nor ends anything."""


@dataclass(frozen=True)
class Notice:
    """All that a person is told. The texts are `readable`; `since` and `at` are UTC, where they are known.

    `numbers` are shown in this order. What is empty is not shown. What `is_no_news` nobody need hear.
    """

    event: What
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
    is_no_news: bool = False

    @property
    def lasted(self) -> timedelta | None:
        """Never below zero, whatever two clocks say."""
        return max(self.at - self.since, timedelta(0)) if self.at and self.since else None


class AlarmNotice(msgspec.Struct, frozen=True, rename="pascal"):
    """What CloudWatch publishes of an alarm. Its Region is a name for people, "Europe (London)"."""

    alarm_name: str
    new_state_value: str
    old_state_value: str = ""
    new_state_reason: str = ""
    state_change_time: str = ""
    alarm_description: str | None = None


@dataclass(frozen=True)
class StackId:
    """The stack we are of: what CloudWatch and others publish does not name it."""

    stack: str
    region: str


def notice_from(text: str, title: str, here: StackId) -> Notice:
    """Of an SNS message: its text, and its subject as the title of what has no other. Raises nothing."""
    body = text.encode(errors="replace")
    return _from_alert(body) or _from_alarm(body, here) or _from_any(text, title, here)


def readable(text: str) -> str:
    """Without what neither SNS nor Slack would take: control characters and halves of surrogate pairs."""
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


# An alarm that lacks data (INSUFFICIENT_DATA) neither rings nor is over.
STATES: dict[str, tuple[What, str]] = {"ALARM": ("begun", "the alarm rings"), "OK": ("ended", "the alarm is over")}


def _from_alarm(body: bytes, here: StackId) -> Notice | None:
    try:
        alarm = decode_json(body, AlarmNotice, "the message")
    except BadDocument:
        return None
    event, title = STATES.get(alarm.new_state_value, ("told", f"the alarm is {alarm.new_state_value}"))
    changed = _time(alarm.state_change_time)
    return Notice(
        event=event,
        kind="alarm",
        subject=readable(alarm.alarm_name),
        stack=here.stack,
        region=here.region,
        title=readable(title),
        says=readable(f"{alarm.alarm_description or ''}\n{alarm.new_state_reason}"),
        # When it began is not told when it ends.
        since=changed if event == "begun" else None,
        at=changed,
        command="./infra_bash/status.sh",
        # A new alarm's first data: it has never rung.
        is_no_news=(alarm.old_state_value, alarm.new_state_value) == ("INSUFFICIENT_DATA", "OK"),
    )


def _from_any(text: str, title: str, here: StackId) -> Notice:
    title = readable(title) or "A message that this version does not know"
    return Notice("told", "message", "", here.stack, here.region, title, readable(text))


def _time(text: str) -> datetime | None:
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        return None


def _utc(moment: datetime) -> datetime:
    """What bears no zone is UTC."""
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:  # a time of year 1 or 9999, which is nobody's
        return moment.replace(tzinfo=UTC)
