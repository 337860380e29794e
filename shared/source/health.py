"""What a look at the source leaves for others to see: health/extract.json. No source of truth."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import MissingObject
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.source.catalogue import TABLES
from shared.source.changes import undeclared
from shared.source.run import Reading, held


class Postponed(msgspec.Struct, frozen=True):
    """Why a table was not read, in how many looks one after the other, and since when."""

    since: datetime
    looks: int
    reason: str


class Health(msgspec.Struct, frozen=True):
    """The last look, also when it found nothing; that is how quiet and dead differ.

    `undeclared` are the live columns, by table, that the catalogue does not know. `postponed` are the tables that this
    look could not read and the next one will try again.
    """

    at: datetime
    snapshot_at: datetime
    run: int
    changed: tuple[str, ...]
    held: dict[str, str]
    undeclared: dict[str, list[str]] = {}
    postponed: dict[str, Postponed] = {}


def report(bucket: Bucket, at: datetime, reading: Reading, newest: RunRecord | None, *, is_new: bool) -> None:
    """`newest` is the log's newest record; `is_new` when this look has made it."""
    health = Health(
        at=at,
        snapshot_at=reading.moment.snapshot.taken_at,
        run=newest.run if newest else 0,
        changed=newest.changed if newest and is_new else (),
        held=held(newest.tables if newest else {}),
        undeclared={name: found for name, live in reading.live.items() if (found := undeclared(TABLES[name], live))},
        postponed=_postponed(bucket, at, reading.postponed),
    )
    bucket.put(keys.EXTRACT_HEALTH, msgspec.json.encode(health))


def _postponed(bucket: Bucket, at: datetime, reasons: Mapping[str, str]) -> dict[str, Postponed]:
    """The look before is read only when there is something to count."""
    last = _last_look(bucket) if reasons else None
    before = last.postponed if last else {}
    former = {name: before.get(name, Postponed(at, 0, "")) for name in reasons}
    return {name: Postponed(former[name].since, former[name].looks + 1, reason) for name, reason in reasons.items()}


def _last_look(bucket: Bucket) -> Health | None:
    try:
        return msgspec.json.decode(bucket.get(keys.EXTRACT_HEALTH), type=Health)
    except (MissingObject, msgspec.DecodeError, UnicodeDecodeError):
        return None
