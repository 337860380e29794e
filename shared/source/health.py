"""Declare health/extract.json: what the last check of the sources found. It is a report, not a source of truth."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words


class Postponed(msgspec.Struct, frozen=True):
    """A table that was not read: why, in how many consecutive checks, and since when."""

    since: datetime
    looks: int
    reason: str


class ExtractHealth(msgspec.Struct, frozen=True):
    """The last check, also when it found nothing: so a quiet source differs from an extract that does not run.

    `undeclared` are the sources' columns, by table, that the catalogue does not have. `postponed` are the tables that
    this check could not read and the next one will try again. `looked_at` is, by table, the time up to which all its
    changes are in the log, by the source's clock; `attempt` is that of the newest record then.
    """

    at: datetime
    snapshot_at: datetime
    run: int
    changed: tuple[str, ...]
    held: dict[str, str]
    undeclared: dict[str, list[str]] = {}
    postponed: dict[str, Postponed] = {}
    attempt: str = ""
    looked_at: dict[str, datetime] = {}


def looked_before(bucket: Bucket, newest: RunRecord | None) -> Mapping[str, datetime]:
    """Return ExtractHealth.looked_at if that check followed the record `newest`, else nothing.

    Without it only the run records say when a table was read. A check whose commit was lost leaves nothing, and neither
    does one that followed records that are no longer there.
    """
    health = last_words(bucket, keys.EXTRACT_HEALTH, ExtractHealth)
    if not health or not newest or (newest.run, newest.attempt) != (health.run, health.attempt):
        return {}
    return health.looked_at
