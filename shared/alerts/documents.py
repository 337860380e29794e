"""The messages that watch publishes to the topic `alerts`, one per incident and event."""

from datetime import datetime
from typing import Literal

from shared.lake.documents import Document

Event = Literal["begun", "open", "ended"]
"""`open` is repeated each hour."""


class Incident(Document, frozen=True, kw_only=True):
    """A fault that a person should look at. `kind` and `subject` identify it; the rest may change while it is open.

    `subject` is the table concerned, or empty for the whole stack. `since` is when it was first seen. `title` says in a
    few words what is wrong; `says` in a sentence what was measured; `numbers` has the same, by name with its unit.
    `command` is what to run, as typed in the checkout; `runbook` is the anchor of its entry in docs/runbook.md. No
    field ever holds a row's values.
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
        """Return what identifies it, for people."""
        return f"{self.kind} {self.subject}".rstrip()


class Alert(Document, frozen=True, kw_only=True):
    """An event of an incident. `at` is when it was published, in UTC with its zone. `stack` is `<project>-<stage>`."""

    version: int
    event: Event
    stack: str
    region: str
    at: datetime
    incident: Incident
