"""Remember the open incidents in two objects, so that each one that was reported is also reported as over."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.watch.incident_lifecycle import OpenIncident


class OpenIncidents(msgspec.Struct, frozen=True):
    """health/incidents.json: the incidents that were open after the check at `at`. Written when they change, before
    health/watch.json, which holds them as well."""

    at: datetime
    incidents: tuple[OpenIncident, ...]


class Recalled(NamedTuple):
    """The incidents that were open; `is_lost` when both objects are gone though watch may have reported some."""

    incidents: tuple[OpenIncident, ...] = ()
    is_lost: bool = False


def recall(health: OpenIncidents | None, copy: OpenIncidents | None, *, is_old_stack: bool) -> Recalled:
    """Return what the newer of the two objects says: one that was restored knows less."""
    found = [each for each in (health, copy) if each]
    if not found:
        return Recalled(is_lost=is_old_stack)
    return Recalled(max(found, key=lambda each: each.at).incidents)


def remember(bucket: Bucket, open_: OpenIncidents, copy: OpenIncidents | None) -> None:
    """Write health/incidents.json unless it says the same already."""
    if copy is None or copy.incidents != open_.incidents:
        bucket.put(keys.INCIDENTS, msgspec.json.encode(open_))
