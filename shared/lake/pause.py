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
        return decode_json(ingestion.get(keys.PAUSED), Pause, keys.PAUSED).since
    except MissingObject:
        return None
    except BadDocument:
        return "an unknown time"
