"""Whether a person has stopped the flow: pause.sh says so in health/, resume.sh takes it back.

The schedules and event sources themselves are what is stopped; this is for those who look, and would be alarmed.
"""

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import BadDocument, MissingObject
from shared.lake import keys
from shared.lake.documents import decode_json


class Pause(msgspec.Struct, frozen=True):
    """health/paused.json. `since` is UTC, as text."""

    since: str


def paused_since(ingestion: Bucket) -> str | None:
    """None while the flow is on."""
    try:
        return since_of(ingestion.get(keys.PAUSED))
    except MissingObject:
        return None


def since_of(body: bytes) -> str:
    """Return what health/paused.json says, in words where it is not as we write it."""
    try:
        return decode_json(body, Pause, keys.PAUSED).since
    except BadDocument:
        return "an unknown time"
