"""What the writer of a batch notes about the rows that it writes."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.frames import Frame
from shared.source.batch_writer import BatchLocation, BatchWriter

pytestmark = pytest.mark.fast

TAKEN_AT = datetime(2026, 11, 25, 12)


def currencies(*rows: tuple[int, datetime | None]) -> Frame:
    """Rows of key and last_updated."""
    keys, times = zip(*rows, strict=True)
    updated = pd.Series(times, dtype="datetime64[us]")
    return pd.DataFrame(
        {
            "currency_id": pd.Series(keys, dtype="Int32"),
            "currency_code": pd.Series(["GBP"] * len(rows), dtype="object"),
            "created_at": updated,
            "last_updated": updated,
            "_unreadable": pd.Series([None] * len(rows), dtype="object"),
        }
    )


def test_the_newest_change_of_all_parts(ingestion: S3Bucket) -> None:
    writer = BatchWriter(ingestion, TABLES["currency"], BatchLocation(1, "a", TAKEN_AT))
    writer.add(currencies((1, datetime(2026, 1, 2)), (2, None)))
    writer.add(currencies((3, datetime(2026, 1, 1))))
    assert writer.newest_change_at == datetime(2026, 1, 2)
    assert [part.rows for part in writer.written] == [2, 1]
    assert all(ingestion.get(part.key) for part in writer.written)


def test_a_time_that_no_datetime_holds_is_not_the_newest(ingestion: S3Bucket) -> None:
    writer = BatchWriter(ingestion, TABLES["currency"], BatchLocation(1, "a", TAKEN_AT))
    frame = currencies((1, datetime(2026, 1, 2)), (2, None), (3, None))
    frame["last_updated"] = np.array(["2026-01-02", "10000-01-01", "-0043-03-15"], dtype="datetime64[us]")
    writer.add(frame.copy())
    assert writer.newest_change_at == datetime(2026, 1, 2)
    only_far = BatchWriter(ingestion, TABLES["currency"], BatchLocation(2, "a", TAKEN_AT))
    only_far.add(frame[1:])
    assert only_far.newest_change_at is None


def test_of_nulls_alone_there_is_no_newest_change(ingestion: S3Bucket) -> None:
    writer = BatchWriter(ingestion, TABLES["currency"], BatchLocation(1, "a", TAKEN_AT))
    writer.add(currencies((1, None)))
    assert writer.newest_change_at is None
