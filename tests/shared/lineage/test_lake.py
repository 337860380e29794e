"""Which part holds a key: whatever the kind of key, and however many parts there are."""

from collections.abc import Sequence

import pytest

from shared.aws.bucket import S3Bucket
from shared.columns import Column, Kind
from shared.errors import CorruptObject
from shared.frames import DTYPES, Frame, Series
from shared.lake import keys, parquet
from shared.lake.documents import Part
from shared.lineage.lake import found_in, holder

pytestmark = pytest.mark.fast

NOTE = Column("note", Kind.TEXT, nullable=True)


def laid(bucket: S3Bucket, column: Column, *values: Sequence[object]) -> list[Part]:
    """A part of each list of keys; the notes say where a row stands."""
    return [_laid(bucket, column, number, each) for number, each in enumerate(values)]


def _laid(bucket: S3Bucket, column: Column, number: int, values: Sequence[object]) -> Part:
    notes = Series([f"{number}.{place}" for place in range(len(values))], dtype="str")
    frame = Frame({column.name: Series(list(values), dtype=DTYPES[column.kind]), "note": notes})
    body = parquet.encode(frame, (column, NOTE))
    part = Part(key=f"part-{number}", sha256=keys.content_hash(body), rows=len(values), bytes=len(body))
    bucket.put(part.key, body)
    return part


@pytest.mark.parametrize(
    ("kind", "first", "second", "asked", "absent"),
    [
        (Kind.INTEGER, [1, None, 10], [11, -100], "-100", "100"),
        (Kind.TEXT, ["a", None, ""], ["b", "née 🧵\t'"], "née 🧵\t'", "née"),
        (Kind.DATE, ["2026-03-02"], ["0001-01-01", "9999-12-31"], "9999-12-31", "2026-03-03"),
    ],
)
def test_the_part_that_holds_a_key(
    ingestion: S3Bucket, kind: Kind, first: list[object], second: list[object], asked: str, absent: str
) -> None:
    column = Column("id", kind, nullable=True)
    parts = laid(ingestion, column, first, second)
    found = holder(ingestion, parts, column, asked)
    assert found and (found.key, found.rows) == ("part-1", len(second))
    assert holder(ingestion, parts, column, absent) is None
    rows = found_in(ingestion, parts, (column, NOTE), "id", asked)
    assert rows and rows.rows["note"].tolist() == ["1.1"]


def test_parts_behind_the_one_that_is_sought_are_not_read(ingestion: S3Bucket) -> None:
    column = Column("id", Kind.INTEGER)
    parts = laid(ingestion, column, [1], [2])
    ingestion.put("part-1", b"damaged")
    assert holder(ingestion, parts, column, "1")
    with pytest.raises(CorruptObject, match="part-1"):
        holder(ingestion, parts, column, "2")
