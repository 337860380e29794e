"""Read whether a person has paused the flow: pause.sh writes an object in health/, resume.sh deletes it.

What stops the flow is that schedules and event sources are off; the object tells status.sh and watch why.
"""

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import BadDocument, MissingObject
from shared.json import decode_json
from shared.lake import keys


class Pause(msgspec.Struct, frozen=True):
    """health/paused.json. `since` is UTC, as text."""

    since: str


def paused_since(ingestion: Bucket) -> str | None:
    """Return since when the flow is paused, None while it is not."""
    try:
        return since_of(ingestion.get(keys.PAUSED))
    except MissingObject:
        return None


def since_of(body: bytes) -> str:
    """Return the time in health/paused.json; "an unknown time" where it cannot be parsed."""
    try:
        return decode_json(body, Pause, keys.PAUSED).since
    except BadDocument:
        return "an unknown time"
