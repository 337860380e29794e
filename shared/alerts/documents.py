"""What watch publishes to the topic `alerts`, one message an incident and event."""

from datetime import datetime
from typing import Literal

from shared.lake.documents import Document

Event = Literal["begun", "open", "ended"]
"""`open` is said again each hour."""


class Incident(Document, frozen=True, kw_only=True):
    """Something a person should look at. `kind` and `subject` make it what it is; the rest may change while it is open.

    `subject` is the table concerned, or nothing when it is the whole stack. `since` is when it was seen first. `title`
    says what is wrong in a few words; `says` what was measured, in a sentence; `numbers` the same, by name with its
    unit. `command` is what to run, as it is typed in the checkout; `runbook` the anchor of its entry in
    docs/runbook.md. None of it ever holds a row's values.
    """

    kind: str
    subject: str
    since: datetime
    title: str
    says: str
    numbers: dict[str, float]
    command: str
    runbook: str

    @property
    def name(self) -> str:
        """What makes it what it is, for people."""
        return f"{self.kind} {self.subject}".rstrip()


class Alert(Document, frozen=True, kw_only=True):
    """`at` is when it was published, in UTC with its zone. `stack` is `<project>-<stage>`."""

    version: int
    event: Event
    stack: str
    region: str
    at: datetime
    incident: Incident
