"""Declare health/extract.json, in which extract says what its last check of the source found. No source of truth."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words


class Postponed(msgspec.Struct, frozen=True):
    """Why a table was not read, in how many looks one after the other, and since when."""

    since: datetime
    looks: int
    reason: str


class ExtractHealth(msgspec.Struct, frozen=True):
    """The last look, also when it found nothing; that is how quiet and dead differ.

    `undeclared` are the live columns, by table, that the catalogue does not know. `postponed` are the tables that this
    look could not read and the next one will try again. `looked_at` says, by table, up to when all its changes are in
    the log (the source's clock); `attempt` is that of the log's newest record then.
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
