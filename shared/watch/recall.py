"""Which incidents are open, kept in two objects: of one that was told somebody must hear that it is over."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.watch.course import Open


class Told(msgspec.Struct, frozen=True):
    """health/incidents.json: those that were open after the look at `at`. Written when they change, before
    health/watch.json, which has them as well."""

    at: datetime
    incidents: tuple[Open, ...]


class Recalled(NamedTuple):
    """`is_lost` when nothing tells which incidents were open, though watch has told some, perhaps."""

    incidents: tuple[Open, ...] = ()
    is_lost: bool = False


def recall(look: Told | None, copy: Told | None, *, is_old_stack: bool) -> Recalled:
    """From the newer of the two: an object that somebody put back knows less."""
    found = [told for told in (look, copy) if told]
    if not found:
        return Recalled(is_lost=is_old_stack)
    return Recalled(max(found, key=lambda told: told.at).incidents)


def keep(bucket: Bucket, told: Told, copy: Told | None) -> None:
    if copy is None or copy.incidents != told.incidents:
        bucket.put(keys.INCIDENTS, msgspec.json.encode(told))


SUBJECT = "Watch has lost its memory: what it told before is void"


def lost(within: timedelta) -> str:
    """What a person is told who may see an incident that nobody will end."""
    return (
        f"{keys.WATCH_HEALTH} and {keys.INCIDENTS} are gone from the ingestion bucket, or cannot be read. "
        f"What is still wrong is told again, as new, within {within // timedelta(minutes=1)} minutes. "
        "Every other incident that was told before this message is over. Look: ./infra_bash/status.sh"
    )
