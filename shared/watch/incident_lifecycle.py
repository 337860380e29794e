"""Follow incidents from check to check: which begin, stay open or end, and what people are notified of. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.alerts.documents import Event, Incident

# How often people are reminded of an open incident: not each minute, and it is not forgotten.
REMINDER = timedelta(hours=1)
# An incident ends when so many checks in a row did not find it: a number that oscillates about its limit is one
# incident.
CHECKS_UNTIL_OVER = 2

Notification = tuple[Event, Incident]


class OpenIncident(msgspec.Struct, frozen=True):
    """An incident that has begun. `notified_at` is when people were last notified of it; `unseen` in how many checks it
    was not found. Stored names never change."""

    incident: Incident
    notified_at: datetime = msgspec.field(name="told_at")
    unseen: int = 0


def advance(
    before: Sequence[OpenIncident], found: Sequence[Incident], now: datetime, held_open: Collection[str] = ()
) -> tuple[list[OpenIncident], list[Notification]]:
    """Return the incidents that are open now, and the notifications to send. Names in `held_open` do not end."""
    known = {each.incident.name: each for each in before}
    seen = {incident.name: incident for incident in found}
    notifications: list[Notification] = []
    still = [_seen(incident, known.get(name), now, notifications) for name, incident in seen.items()]
    unseen = {name: each for name, each in known.items() if name not in seen}
    gone = [each if name in held_open else _unseen(each, notifications) for name, each in unseen.items()]
    return [*still, *(each for each in gone if each)], notifications


def _seen(
    incident: Incident, known: OpenIncident | None, now: datetime, notifications: list[Notification]
) -> OpenIncident:
    if known is None:
        notifications.append(("begun", incident))
        return OpenIncident(incident, now)
    incident = msgspec.structs.replace(incident, since=known.incident.since)
    if now - known.notified_at < REMINDER:
        return OpenIncident(incident, known.notified_at)
    notifications.append(("open", incident))
    return OpenIncident(incident, now)


def _unseen(each: OpenIncident, notifications: list[Notification]) -> OpenIncident | None:
    if each.unseen + 1 < CHECKS_UNTIL_OVER:
        return msgspec.structs.replace(each, unseen=each.unseen + 1)
    notifications.append(("ended", each.incident))
    return None
