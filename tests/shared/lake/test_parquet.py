"""What we write, pyarrow and duckdb read with the same types and values; what is damaged is said to be so."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import columns as kinds
from shared.columns import BOOLEAN, DATE, INTEGER, KINDS, MONEY, TEXT, TIME, TIMESTAMP, Column, Kind
from shared.errors import CorruptObject, OtherDeclaration, Refused
from shared.frames import Frame, empty_frame
from shared.lake.parquet import FormerDeclaration, decode, encode

ALL_KINDS = [Column(str(kind), kind, nullable=True) for kind in KINDS]
ARROW_TYPES = {
    "integer": pa.int32(),
    "money": pa.decimal128(10, 2),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
}
DUCKDB_TYPES = ["INTEGER", "DECIMAL(10,2)", "BOOLEAN", "VARCHAR", "DATE", "TIME", "TIMESTAMP"]

NASTY_TEXTS = [
    "",
    "NA",
    "null",
    "NULL",
    r"\N",
    "nan",
    "0042",
    " a ",
    "tab\there",
    "two\nlines\r\n",
    "'\"`,;",
    "🧵é中",
    "\0",
]
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    INTEGER: st.integers(-(2**31), 2**31 - 1),
    MONEY: st.integers(-9_999_999_999, 9_999_999_999),
    BOOLEAN: st.booleans(),
    TEXT: st.sampled_from(NASTY_TEXTS) | st.text(st.characters(exclude_categories=["Cs"])),
    DATE: st.dates(),
    TIME: st.integers(0, 86_400_000_000 - 1).map(lambda us: timedelta(microseconds=us)),
    TIMESTAMP: st.datetimes(),
}
EXTREMES = [
    (-(2**31), -9_999_999_999, False, "", date(1, 1, 1), timedelta(0), datetime.min),
    (
        2**31 - 1,
        9_999_999_999,
        True,
        "🧵\0\n",
        date(9999, 12, 31),
        timedelta(microseconds=86_399_999_999),
        datetime.max,
    ),
    (None,) * 7,
    (0, 1, True, "NA", date(1969, 12, 31), timedelta(hours=12), datetime(1969, 12, 31, 23, 59, 59, 999_999)),
]


def frame_of(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Frame:
    cells = zip(*rows, strict=True) if rows else [()] * len(columns)
    series = [pd.Series(list(values), dtype="object") for values in cells]
    return Frame({c.name: values for c, values in zip(columns, series, strict=True)}).astype(
        {c.name: c.kind.dtype for c in columns}
    )


def frames() -> st.SearchStrategy[Frame]:
    row = st.tuples(*(st.none() | VALUES[column.kind] for column in ALL_KINDS))
    return st.lists(row, max_size=20).map(lambda rows: frame_of(ALL_KINDS, rows))


def python_rows(frame: Frame) -> list[tuple[Any, ...]]:
    """The values that other readers are expected to give."""

    def plain(value: Any, kind: Kind) -> Any:
        if pd.isna(value):
            return None
        if kind == MONEY:
            return Decimal(int(value)).scaleb(-2)
        if kind == TIME:
            return (datetime.min + value.to_pytimedelta()).time()
        if kind in (DATE, TIMESTAMP):
            moment: datetime = value.to_pydatetime()
            return moment.date() if kind == DATE else moment
        return value

    lists = [[plain(value, column.kind) for value in frame[column.name]] for column in ALL_KINDS]
    return list(zip(*lists, strict=True))


def pyarrow_rows(data: bytes) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in pq.read_table(io.BytesIO(data)).columns), strict=True))


def arrow_file(**columns: pa.Array) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@settings(max_examples=100, deadline=None)
@given(frame=frames())
def test_what_is_written_comes_back_and_pyarrow_agrees(frame: Frame) -> None:
    data = encode(frame, ALL_KINDS)
    pd.testing.assert_frame_equal(decode(data, ALL_KINDS, "it"), frame)
    assert pyarrow_rows(data) == python_rows(frame)


@pytest.mark.parametrize(
    "rows", [EXTREMES, [], EXTREMES[:2], [(None,) * 7]], ids=["all", "none", "no nulls", "only nulls"]
)
def test_pyarrow_and_duckdb_read_the_types_and_the_values(rows: list[Any], tmp_path: Path) -> None:
    data = encode(frame_of(ALL_KINDS, rows), ALL_KINDS)
    (tmp_path / "it.parquet").write_bytes(data)
    in_duckdb = duckdb.read_parquet(str(tmp_path / "it.parquet"))
    schema = pq.read_schema(io.BytesIO(data))
    assert {field.name: field.type for field in schema} == ARROW_TYPES
    assert all(field.nullable for field in schema)
    assert list(map(str, in_duckdb.types)) == DUCKDB_TYPES
    assert in_duckdb.fetchall() == pyarrow_rows(data) == python_rows(frame_of(ALL_KINDS, rows))


def test_the_columns_say_in_every_dialect_of_parquet_what_they_are() -> None:
    schema = pq.ParquetFile(io.BytesIO(encode(empty_frame(ALL_KINDS), ALL_KINDS))).schema
    said = {c.name: (c.physical_type, str(c.logical_type), c.converted_type) for c in map(schema.column, range(7))}
    local = "isAdjustedToUTC=false, timeUnit=microseconds"
    assert said["money"] == ("INT64", "Decimal(precision=10, scale=2)", "DECIMAL")
    assert said["date"] == ("INT32", "Date", "DATE")
    assert said["time"][:2] == ("INT64", f"Time({local})")
    assert said["timestamp"][1].startswith(f"Timestamp({local}")
    assert said["text"] == ("BYTE_ARRAY", "String", "UTF8")
    assert said["integer"][0] == "INT32"


def test_pages_are_compressed_with_zstd() -> None:
    metadata = pq.ParquetFile(io.BytesIO(encode(frame_of(ALL_KINDS, EXTREMES), ALL_KINDS))).metadata
    assert {metadata.row_group(0).column(n).compression for n in range(7)} == {"ZSTD"}


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_texts_survive_with_either_storage_of_pandas(storage: str) -> None:
    with pd.option_context("mode.string_storage", storage):
        columns = [Column("text", TEXT)]
        frame = frame_of(columns, [(text,) for text in [*NASTY_TEXTS, None, "x" * 10_000_000]])
        pd.testing.assert_frame_equal(decode(encode(frame, columns), columns, "it"), frame)


def test_text_may_also_be_held_as_objects() -> None:
    columns = [Column("text", TEXT)]
    objects = encode(Frame({"text": pd.Series(["a", None, ""], dtype="object")}), columns)
    assert objects == encode(frame_of(columns, [("a",), (None,), ("",)]), columns)


def test_twenty_four_o_clock_comes_back() -> None:
    columns = [Column("time", TIME)]
    frame = frame_of(columns, [(timedelta(days=1),)])
    pd.testing.assert_frame_equal(decode(encode(frame, columns), columns, "it"), frame)


def test_only_the_named_columns_are_written_and_read_in_their_order() -> None:
    frame = frame_of(ALL_KINDS, EXTREMES).assign(another=1.5)
    wanted = [ALL_KINDS[4], ALL_KINDS[3], ALL_KINDS[0]]
    assert decode(encode(frame, ALL_KINDS), wanted, "it").columns.tolist() == ["date", "text", "integer"]
    assert pq.read_schema(io.BytesIO(encode(frame, wanted))).names == ["date", "text", "integer"]


def test_the_index_of_a_frame_is_nothing() -> None:
    frame = frame_of(ALL_KINDS, EXTREMES)
    assert encode(frame.set_axis([7, 7, 3, 3]), ALL_KINDS) == encode(frame, ALL_KINDS)


DIGEST = """
import hashlib
from tests.shared.lake.test_parquet import ALL_KINDS, EXTREMES, encode, frame_of
print(hashlib.sha256(encode(frame_of(ALL_KINDS, EXTREMES * 1000), ALL_KINDS)).hexdigest())
"""


def test_the_same_frame_makes_the_same_bytes_in_any_process() -> None:
    frame = frame_of(ALL_KINDS, EXTREMES * 1000)
    here = {hashlib.sha256(encode(frame, ALL_KINDS)).hexdigest() for _ in range(2)}
    there = subprocess.run(
        [sys.executable, "-c", DIGEST],
        env={**os.environ, "PYTHONHASHSEED": "42", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert here == set(there)


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
from shared import columns as kinds
from shared.columns import BOOLEAN, Column, DATE, INTEGER, KINDS, Kind, MONEY, TEXT, TIME, TIMESTAMP
from shared.lake.parquet import decode, encode
columns = [Column("text", TEXT)]
frame = pd.DataFrame({"text": pd.Series(["a", None, "", "\\U0001f9f5"], dtype="str")})
assert frame["text"].array.dtype.storage == "python"
pd.testing.assert_frame_equal(decode(encode(frame, columns), columns, "it"), frame)
"""


def test_it_works_where_pyarrow_is_not_installed() -> None:
    """As in Lambda: fastparquet and pandas take other paths there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", WITHOUT_PYARROW], env=environment, check=True)


@pytest.mark.parametrize(("precision", "scale"), [(12, 3), (18, 0), (18, 18), (1, 0), (9, 9)])
def test_a_decimal_of_any_precision_is_exact_to_every_reader(precision: int, scale: int, tmp_path: Path) -> None:
    most, columns = 10**precision - 1, [Column("it", kinds.Decimal(precision, scale), nullable=True)]
    frame = frame_of(columns, [(number,) for number in (most, -most, 0, 1, -1, None)])
    path = tmp_path / "it.parquet"
    path.write_bytes(encode(frame, columns))
    pd.testing.assert_frame_equal(decode(path.read_bytes(), columns, "it"), frame)
    table = pq.read_table(path)
    assert table.schema.field("it").type == pa.decimal128(precision, scale)
    exact = [None if pd.isna(it) else Decimal(int(it)).scaleb(-scale, Context(prec=40)) for it in frame["it"]]
    assert table["it"].to_pylist() == exact
    assert duckdb.execute(f"SELECT it FROM '{path}'").fetchall() == [(it,) for it in exact]
    with pytest.raises(Refused, match="more digits"):
        encode(Frame({"it": pd.Series([most + 1], dtype="Int64")}), columns)


def test_the_scale_of_a_decimal_is_part_of_its_type() -> None:
    there = [Column("it", kinds.Decimal(12, 3))]
    data = encode(frame_of(there, [(1500,)]), there)
    with pytest.raises(CorruptObject, match="its column it is not money as we write it"):
        decode(data, [Column("it", MONEY)], "the part")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (INTEGER, pd.Series([1], dtype="int64")),
        (MONEY, pd.Series([Decimal("1.50")])),
        (MONEY, pd.Series([1.5])),
        (MONEY, pd.Series([10**10, None], dtype="Int64")),
        (BOOLEAN, pd.Series([True, None], dtype="object")),
        (TEXT, pd.Series([1, None], dtype="object")),
        (TEXT, pd.Series(["\ud800"], dtype="object")),
        (DATE, pd.Series([date(2022, 1, 1)])),
        (DATE, pd.Series(["2022-01-01 12:00"], dtype="datetime64[us]")),
        (TIME, pd.Series([timedelta(days=1, microseconds=1)], dtype="timedelta64[us]")),
        (TIME, pd.Series([timedelta(microseconds=-1)], dtype="timedelta64[us]")),
        (TIMESTAMP, pd.Series(["2022-01-01"], dtype="datetime64[s]")),
        (TIMESTAMP, pd.Series(["2022-01-01"], dtype="datetime64[ns]")),
        (TIMESTAMP, pd.Series(["2022-01-01"], dtype="datetime64[us, UTC]")),
    ],
)
def test_what_would_be_written_as_something_else_is_refused(kind: Kind, values: pd.Series) -> None:
    with pytest.raises(Refused):
        encode(Frame({"it": values}), [Column("it", kind)])


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (INTEGER, pa.array([1], pa.int64())),
        (INTEGER, pa.array([1], pa.date32())),
        (MONEY, pa.array([1.5])),
        (MONEY, pa.array([Decimal("1.500")], pa.decimal128(10, 3))),
        (BOOLEAN, pa.array([1], pa.int32())),
        (TEXT, pa.array([b"a"])),
        (DATE, pa.array([datetime(2022, 1, 1)], pa.timestamp("us"))),
        (TIME, pa.array([time(1)], pa.time64("ns"))),
        (TIMESTAMP, pa.array([datetime(2022, 1, 1)], pa.timestamp("us", tz="UTC"))),
        (TIMESTAMP, pa.array([datetime(2022, 1, 1)], pa.timestamp("ms"))),
    ],
)
def test_a_column_of_another_type_is_corrupt(kind: Kind, values: pa.Array) -> None:
    with pytest.raises(CorruptObject, match="the part is corrupt: its column it is not"):
        decode(arrow_file(it=values), [Column("it", kind)], "the part")


def test_a_column_that_is_not_there_is_corrupt() -> None:
    with pytest.raises(CorruptObject, match="the part is corrupt: it has no column wanted"):
        decode(arrow_file(it=pa.array([1])), [Column("wanted", INTEGER, nullable=True)], "the part")


FORMER = FormerDeclaration("declaration 12ab of dim_it", "resync it")


@pytest.mark.parametrize("rows", [0, 2])
def test_what_was_declared_later_than_a_file_is_null_in_it(rows: int) -> None:
    there = [Column("it", INTEGER), Column("no_longer", TEXT)]
    data = encode(frame_of(there, [(7, "gone")] * rows), there)
    frame = decode(data, [*ALL_KINDS, there[0]], "the part", FORMER)
    assert frame["it"].tolist() == [7] * rows
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        **{column.name: column.kind.dtype for column in ALL_KINDS},
        "it": "Int32",
    }
    assert frame.drop(columns="it").isna().all(axis=None) and len(frame) == rows


def test_what_may_not_be_null_cannot_be_lacking() -> None:
    data = encode(frame_of([Column("it", INTEGER)], [(7,)]), [Column("it", INTEGER)])
    with pytest.raises(OtherDeclaration) as caught:
        decode(data, [Column("wanted", INTEGER)], "the part", FORMER)
    assert str(caught.value) == (
        "the part was written under declaration 12ab of dim_it: it has no column wanted, which may not be null; "
        "declare it optional, or resync it"
    )


def test_a_type_that_was_declared_otherwise_is_no_damage() -> None:
    data = encode(frame_of([Column("it", TEXT)], [("7",)]), [Column("it", TEXT)])
    with pytest.raises(OtherDeclaration) as caught:
        decode(data, [Column("it", INTEGER, nullable=True)], "the part", FORMER)
    assert str(caught.value) == (
        "the part was written under declaration 12ab of dim_it: its column it is not integer as we write it; resync it"
    )


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1PAR1", b"PAR1\0\0\0\0PAR1", b'{"not": "parquet"}' * 9])
def test_what_is_not_parquet_is_corrupt(data: bytes) -> None:
    with pytest.raises(CorruptObject, match="the part"):
        decode(data, ALL_KINDS, "the part")


def test_a_file_that_is_cut_off_anywhere_is_corrupt() -> None:
    data = encode(frame_of(ALL_KINDS, EXTREMES), ALL_KINDS)
    for length in range(len(data)):
        with pytest.raises(CorruptObject):
            decode(data[:length], ALL_KINDS, "the part")


def test_text_that_is_not_utf8_is_corrupt() -> None:
    columns = [Column("text", TEXT)]
    data = encode(frame_of(columns, [("quite",)]), columns)
    assert data.count(b"quite") == 1, "so short a page is stored as it is"
    with pytest.raises(CorruptObject, match="the part"):
        decode(data.replace(b"quite", b"qu\xffte"), columns, "the part")


def test_damage_that_fastparquet_notices_is_corrupt() -> None:
    data = encode(frame_of(ALL_KINDS, EXTREMES * 100), ALL_KINDS)
    for place in (0, len(data) - 1, len(data) - 7):  # the magic at both ends, the footer's length
        damaged = bytearray(data)
        damaged[place] ^= 0x40
        with pytest.raises(CorruptObject):
            decode(bytes(damaged), ALL_KINDS, "the part")
