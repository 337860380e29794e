"""Whether a person has stopped the flow: pause.sh says so in health/, resume.sh takes it back.

The schedules and event sources themselves are what is stopped; this is for those who look, and would be alarmed.
"""

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import MissingObject
from shared.lake import keys


class Pause(msgspec.Struct, frozen=True):
    """health/paused.json. `since` is UTC, as text."""

    since: str


def paused_since(ingestion: Bucket) -> str | None:
    """None while the flow is on."""
    try:
        return msgspec.json.decode(ingestion.get(keys.PAUSED), type=Pause).since
    except MissingObject:
        return None
    except msgspec.DecodeError:
        return "an unknown time"
