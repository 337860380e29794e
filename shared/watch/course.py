"""The course of incidents from look to look: what is told, and what is remembered until the next. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.alerts.documents import Event, Incident

# What is open is told again so often: who has seen it is not called each minute, nor does anybody forget it.
REMINDER = timedelta(hours=1)
# One that is not seen in so many looks is over: a number that sways about its limit is one incident.
LOOKS_UNTIL_OVER = 2

Told = tuple[Event, Incident]


class Open(msgspec.Struct, frozen=True):
    """An incident that has begun. `told_at` is when it was told last; `unseen` in how many looks it was gone."""

    incident: Incident
    told_at: datetime
    unseen: int = 0


def go_on(
    before: Sequence[Open], found: Sequence[Incident], now: datetime, kept: Collection[str] = ()
) -> tuple[list[Open], list[Told]]:
    """What is open now, and what must be told. Of the names in `kept` none is over for not being found."""
    known = {each.incident.name: each for each in before}
    seen = {incident.name: incident for incident in found}
    told: list[Told] = []
    still = [_seen(incident, known.get(name), now, told) for name, incident in seen.items()]
    gone = [each if name in kept else _unseen(each, told) for name, each in known.items() if name not in seen]
    return [*still, *(each for each in gone if each)], told


def _seen(incident: Incident, known: Open | None, now: datetime, told: list[Told]) -> Open:
    if known is None:
        told.append(("begun", incident))
        return Open(incident, now)
    incident = msgspec.structs.replace(incident, since=known.incident.since)
    if now - known.told_at < REMINDER:
        return Open(incident, known.told_at)
    told.append(("open", incident))
    return Open(incident, now)


def _unseen(each: Open, told: list[Told]) -> Open | None:
    if each.unseen + 1 < LOOKS_UNTIL_OVER:
        return msgspec.structs.replace(each, unseen=each.unseen + 1)
    told.append(("ended", each.incident))
    return None
