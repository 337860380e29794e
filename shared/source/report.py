"""Write health/extract.json after each check of the source."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from shared.aws.bucket import Bucket
from shared.catalogue import TABLES
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.source.changes import undeclared
from shared.source.health import ExtractHealth, Postponed
from shared.source.run import Reading, held


def report(
    bucket: Bucket,
    at: datetime,
    reading: Reading,
    looked_at: Mapping[str, datetime],
    newest: RunRecord | None,
    *,
    is_new: bool,
) -> None:
    """`looked_at` as Run's; `newest` is the log's newest record; `is_new` when this look has made it."""
    health = ExtractHealth(
        at=at,
        snapshot_at=reading.moment.snapshot.taken_at,
        run=newest.run if newest else 0,
        changed=newest.changed if newest and is_new else (),
        held=held(newest.tables if newest else {}),
        undeclared={name: found for name, live in reading.live.items() if (found := undeclared(TABLES[name], live))},
        postponed=_postponed(bucket, at, reading.postponed),
        attempt=newest.attempt if newest else "",
        looked_at={**reading.looked_before, **looked_at},
    )
    bucket.put(keys.EXTRACT_HEALTH, msgspec.json.encode(health))


def _postponed(bucket: Bucket, at: datetime, reasons: Mapping[str, str]) -> dict[str, Postponed]:
    """The look before is read only when there is something to count."""
    last = last_words(bucket, keys.EXTRACT_HEALTH, ExtractHealth) if reasons else None
    before = last.postponed if last else {}
    former = {name: before.get(name, Postponed(at, 0, "")) for name in reasons}
    return {name: Postponed(former[name].since, former[name].looks + 1, reason) for name, reason in reasons.items()}
