"""Decisions of the extraction that need no server."""

from datetime import datetime

import pytest

from shared.lake.documents import Cursor, Snapshot
from shared.source.changes import TAKEN_FROM, reason_for_full
from shared.source.live import Live

pytestmark = pytest.mark.fast

LIVE = Live(oid=1, relfilenode=1, columns=(), taken_from=dict.fromkeys(TAKEN_FROM, "0"))
CURSOR = Cursor(
    server="a",
    xmin=1000,
    seen=(),
    oid=1,
    relfilenode=1,
    columns=LIVE.fingerprint,
    count=0,
    checksum=0,
    max_key=None,
    read_for={},
    taken_from=dict(LIVE.taken_from),
)


@pytest.mark.parametrize(("xmax", "is_told"), [(999, False), (1000, True), (10**9, True), (2**31, False)])
def test_ids_that_went_back_or_further_than_age_can_tell_make_a_full_batch(xmax: int, is_told: bool) -> None:
    """age() counts from the newest id, and more may have been given out since: 2**31 - 1000 is too near."""
    snapshot = Snapshot(taken_at=datetime(2026, 1, 5), xmin=xmax, xmax=xmax)
    assert (reason_for_full(CURSOR, snapshot, "a", LIVE, {}) is None) is is_told
