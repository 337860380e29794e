"""What the parts of one batch remember of the rows that went by."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.frames import Frame
from shared.lake.documents import Snapshot
from shared.source import sql
from shared.source.parts import PartLocation, Parts

pytestmark = pytest.mark.fast

TAKEN_AT = datetime(2026, 11, 25, 12)


def currencies(*rows: tuple[int, datetime | None, int]) -> Frame:
    """Rows of key, last_updated and the transaction that wrote them."""
    keys, times, xids = zip(*rows, strict=True)
    updated = pd.Series(times, dtype="datetime64[us]")
    return pd.DataFrame(
        {
            "currency_id": pd.Series(keys, dtype="Int32"),
            "currency_code": pd.Series(["GBP"] * len(rows), dtype="object"),
            "created_at": updated,
            "last_updated": updated,
            "_unreadable": pd.Series([None] * len(rows), dtype="object"),
            sql.XID: pd.Series(xids, dtype="int64"),
            sql.TOO_LONG: pd.Series([0] * len(rows), dtype="int64"),
        }
    )


def test_the_newest_change_and_the_transactions_of_all_parts(ingestion: S3Bucket) -> None:
    parts = Parts(ingestion, TABLES["currency"], PartLocation(1, "a", Snapshot(taken_at=TAKEN_AT, xmin=10, xmax=12)))
    parts.add(currencies((1, datetime(2026, 1, 2), 9), (2, None, 10)))
    parts.add(currencies((3, datetime(2026, 1, 1), 11)))
    assert (parts.newest_change_at, parts.xids) == (datetime(2026, 1, 2), {10, 11})
    assert [part.rows for part in parts.written] == [2, 1]
    assert all(ingestion.get(part.key) for part in parts.written)


def test_a_time_that_no_datetime_holds_is_not_the_newest(ingestion: S3Bucket) -> None:
    parts = Parts(ingestion, TABLES["currency"], PartLocation(1, "a", Snapshot(taken_at=TAKEN_AT, xmin=10, xmax=12)))
    frame = currencies((1, datetime(2026, 1, 2), 9), (2, None, 9), (3, None, 9))
    frame["last_updated"] = np.array(["2026-01-02", "10000-01-01", "-0043-03-15"], dtype="datetime64[us]")
    parts.add(frame.copy())
    assert parts.newest_change_at == datetime(2026, 1, 2)
    only_far = Parts(ingestion, TABLES["currency"], PartLocation(2, "a", Snapshot(taken_at=TAKEN_AT, xmin=10, xmax=12)))
    only_far.add(frame[1:])
    assert only_far.newest_change_at is None


def test_of_nulls_alone_there_is_no_newest_change(ingestion: S3Bucket) -> None:
    parts = Parts(ingestion, TABLES["currency"], PartLocation(1, "a", Snapshot(taken_at=TAKEN_AT, xmin=10, xmax=12)))
    parts.add(currencies((1, None, 9)))
    assert parts.newest_change_at is None
