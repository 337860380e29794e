"""What a look at the source leaves for others to see: health/extract.json. No source of truth."""

from datetime import datetime

import msgspec

from shared.aws.bucket import Bucket
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.source.catalogue import TABLES
from shared.source.changes import undeclared
from shared.source.run import Reading, held


class Health(msgspec.Struct, frozen=True):
    """The last look, also when it found nothing; that is how quiet and dead differ.

    `undeclared` are the live columns, by table, that the catalogue does not know.
    """

    at: datetime
    snapshot_at: datetime
    run: int
    changed: tuple[str, ...]
    held: dict[str, str]
    undeclared: dict[str, list[str]] = {}


def report(bucket: Bucket, at: datetime, reading: Reading, newest: RunRecord | None, *, is_new: bool) -> None:
    """`newest` is the log's newest record; `is_new` when this look has made it."""
    health = Health(
        at=at,
        snapshot_at=reading.moment.snapshot.taken_at,
        run=newest.run if newest else 0,
        changed=newest.changed if newest and is_new else (),
        held=held(newest.tables if newest else {}),
        undeclared={name: found for name, live in reading.live.items() if (found := undeclared(TABLES[name], live))},
    )
    bucket.put(keys.EXTRACT_HEALTH, msgspec.json.encode(health))
