"""Against a real PostgreSQL: what its binary COPY says is what comes out, and what we write is what it reads."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pg8000.native import Connection, identifier

from local.postgres import throw_away
from shared.columns import UNREADABLE, Column, Kind
from shared.errors import CorruptObject, Refused
from shared.frames import DTYPES, Frame, empty_frame
from shared.postgres.decoding import FrameSink, decode
from shared.postgres.encoding import encode
from shared.postgres.wire import HEADER, TRAILER

SQL_TYPES = {
    Kind.INTEGER: "integer",
    Kind.MONEY: "numeric(10,2)",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
}
ALL_KINDS = [Column(f"a {kind}", kind, nullable=True) for kind in Kind]
NUMBER, NAME = Column("number", Kind.INTEGER), Column("name", Kind.TEXT, nullable=True)
AMOUNT, MOMENT, DAY = Column("amount", Kind.MONEY), Column("moment", Kind.TIMESTAMP), Column("day", Kind.DATE)

NASTY_TEXTS = [
    "",
    "NA",
    "null",
    "NULL",
    r"\N",
    r"\.",
    "nan",
    "0042",
    " a ",
    "tab\there",
    "two\nlines\r\n",
    "'\"`,;",
    "🧵é中",
]
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.MONEY: st.integers(-9_999_999_999, 9_999_999_999),
    Kind.BOOLEAN: st.booleans(),
    Kind.TEXT: st.sampled_from(NASTY_TEXTS)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    Kind.DATE: st.dates(),
    Kind.TIME: st.integers(0, 86_400_000_000).map(lambda us: timedelta(microseconds=us)),
    Kind.TIMESTAMP: st.datetimes(),
}


def frame_of(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Frame:
    cells = zip(*rows, strict=True) if rows else [()] * len(columns)
    series = [pd.Series(list(values), dtype="object") for values in cells]
    return Frame({c.name: values for c, values in zip(columns, series, strict=True)}).astype(
        {c.name: DTYPES[c.kind] for c in columns}
    )


def frames_of(columns: Sequence[Column]) -> st.SearchStrategy[Frame]:
    row = st.tuples(*(st.none() | VALUES[column.kind] for column in columns))
    return st.lists(row, max_size=20).map(lambda rows: frame_of(columns, rows))


@pytest.fixture(scope="module")
def database() -> Iterator[Connection]:
    with throw_away() as server, server.superuser() as connection:
        yield connection


def select(database: Connection, query: str, columns: Sequence[Column], **options: Any) -> list[Frame]:
    frames: list[Frame] = []
    sink = FrameSink(columns, frames.append, **options)
    database.run(f"COPY ({query}) TO STDOUT (FORMAT binary)", stream=sink)
    sink.close()
    return frames


def insert(database: Connection, frame: Frame, columns: Sequence[Column]) -> None:
    """Into a new table `t`."""
    database.run("DROP TABLE IF EXISTS t")
    database.run(f"CREATE TEMP TABLE t ({', '.join(f'{identifier(c.name)} {SQL_TYPES[c.kind]}' for c in columns)})")
    database.run("COPY t FROM STDIN (FORMAT binary)", stream=encode(frame, columns))


def rows_of(frame: Frame, columns: Sequence[Column]) -> list[bytes]:
    """The binary rows of a frame, one by one."""
    return [list(encode(frame.iloc[[row]], columns))[1] for row in range(len(frame))]


def test_each_kind_is_decoded_as_postgresql_means_it(database: Connection) -> None:
    query = """SELECT n::integer, m::numeric(10,2), b::boolean, t::text, d::date, h::time, s::timestamp FROM (VALUES
        ('-2147483648', '-99999999.99', 'f', '0042', '0001-01-01', '00:00', '0001-01-01 00:00'),
        ('2147483647', '99999999.99', 't', '', '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999'),
        ('0', '0.01', 't', '🧵', '1999-12-31', '24:00', '1969-12-31 23:59:59.999999'),
        ('7', '10000.00', 't', 'NA', '2000-01-01', '12:00', '2022-11-03 14:20:49.962'),
        (null, null, null, null, null, null, null)) AS v(n, m, b, t, d, h, s)"""
    (frame,) = select(database, query, ALL_KINDS)
    day, almost = timedelta(days=1), timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)
    rows = [
        (-(2**31), -9_999_999_999, False, "0042", date(1, 1, 1), timedelta(0), datetime(1, 1, 1)),
        (2**31 - 1, 9_999_999_999, True, "", date(9999, 12, 31), almost, datetime.max),
        (0, 1, True, "🧵", date(1999, 12, 31), day, datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        (7, 1_000_000, True, "NA", date(2000, 1, 1), day / 2, datetime(2022, 11, 3, 14, 20, 49, 962_000)),
        (None,) * 7,
    ]
    pd.testing.assert_frame_equal(frame.drop(columns=UNREADABLE), frame_of(ALL_KINDS, rows))
    assert frame[UNREADABLE].isna().all()


def test_each_kind_is_encoded_as_postgresql_means_it(database: Connection) -> None:
    day = timedelta(days=1)
    rows = [
        (-(2**31), -9_999_999_999, False, "0042", date(1, 1, 1), timedelta(0), datetime(1, 1, 1)),
        (2**31 - 1, 1, True, "", date(9999, 12, 31), day, datetime.max),
        (0, 0, True, r"\N", date(1999, 12, 31), day / 2, datetime(1969, 12, 31, 23, 59, 59, 999_999)),
        (None,) * 7,
    ]
    insert(database, frame_of(ALL_KINDS, rows), ALL_KINDS)
    database.run("SET DateStyle = 'ISO'")
    assert database.run(f"SELECT {', '.join(f'{identifier(c.name)}::text' for c in ALL_KINDS)} FROM t") == [
        ["-2147483648", "-99999999.99", "false", "0042", "0001-01-01", "00:00:00", "0001-01-01 00:00:00"],
        ["2147483647", "0.01", "true", "", "9999-12-31", "24:00:00", "9999-12-31 23:59:59.999999"],
        ["0", "0.00", "true", r"\N", "1999-12-31", "12:00:00", "1969-12-31 23:59:59.999999"],
        [None] * 7,
    ]


@settings(max_examples=60, deadline=None)
@given(sent=frames_of(ALL_KINDS))
def test_what_is_written_comes_back(database: Connection, sent: Frame) -> None:
    insert(database, sent, ALL_KINDS)
    received = [
        empty_frame([*ALL_KINDS, Column(UNREADABLE, Kind.TEXT)]),
        *select(database, "SELECT * FROM t", ALL_KINDS),
    ]
    pd.testing.assert_frame_equal(received[-1].drop(columns=UNREADABLE), sent)


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_texts_survive_with_either_storage_of_pandas(database: Connection, storage: str) -> None:
    with pd.option_context("mode.string_storage", storage):
        sent = frame_of([NUMBER, NAME], list(enumerate([*NASTY_TEXTS, None])))
        insert(database, sent, [NUMBER, NAME])
        (received,) = select(database, "SELECT * FROM t ORDER BY number", [NUMBER, NAME])
    assert received["name"].tolist()[:-1] == NASTY_TEXTS
    assert received["name"].isna().tolist() == [False] * len(NASTY_TEXTS) + [True]


def test_text_may_also_be_held_as_objects(database: Connection) -> None:
    insert(database, Frame({"name": pd.Series(["a", None, ""], dtype="object")}), [NAME])
    assert database.run("SELECT name FROM t") == [["a"], [None], [""]]


def test_a_text_of_ten_megabytes_travels_among_short_ones(database: Connection) -> None:
    long = "é" * 5_000_000
    sent = frame_of([NAME], [("short",)] * 9_000 + [(long,)] + [("short",)] * 9_000)
    assert max(map(len, encode(sent, [NAME]))) < 10_200_000
    insert(database, sent, [NAME])
    received = select(database, "SELECT * FROM t", [NAME], bytes_per_frame=1_000_000)
    assert [len(frame) for frame in received] == [9_001, 9_000]
    assert pd.concat(received)["name"].tolist() == sent["name"].tolist()


def test_what_a_kind_cannot_hold_is_null_and_named(database: Connection) -> None:
    query = """SELECT n, m::numeric, s::timestamp, d::date FROM (VALUES
        (1, '1.50', '2022-11-03', '2022-11-03'),
        (2, 'NaN', 'infinity', 'infinity'),
        (3, 'Infinity', '-infinity', '-infinity'),
        (4, '-Infinity', '294247-01-11', '294247-01-11'),
        (5, '100000000', '294276-12-31 23:59:59.999999', '5874897-12-31'),
        (6, '0.001', '2022-11-03', '2022-11-03'),
        (7, '-0.00005', null, null),
        (8, '1e100', null, null),
        (9, '-1.2300', '4713-01-01 BC', '4713-01-01 BC'),
        (10, null, '294247-01-10 04:00:54.775807', '294247-01-09')) AS v(n, m, s, d)"""
    (frame,) = select(database, query, [NUMBER, AMOUNT, MOMENT, DAY])
    assert frame["amount"].isna().tolist() == [False, *[True] * 7, False, True]
    assert frame["amount"].dropna().tolist() == [150, -123]
    assert frame["moment"].isna().tolist() == [False, *[True] * 4, False, True, True, False, False]
    assert frame["day"].isna().tolist() == [False, *[True] * 4, False, True, True, False, False]
    assert frame["moment"].to_numpy()[-1] == np.datetime64(2**63 - 1, "us")
    assert frame["day"].to_numpy()[-2:].astype(str).tolist() == [
        "-4712-01-01T00:00:00.000000",
        "294247-01-09T00:00:00.000000",
    ]
    everything, amount = "amount,moment,day", "amount"
    assert frame[UNREADABLE].fillna("").tolist() == ["", *[everything] * 4, amount, amount, amount, "", ""]


def test_text_that_is_not_utf8_is_null_and_named() -> None:
    rows = rows_of(frame_of([NAME], [("good",), ("baaad",), (None,)]), [NAME])
    rows[1] = rows[1].replace(b"baaad", b"ba\xff\xc3d")
    frame = decode(b"".join(rows), [len(row) for row in rows], [NAME])
    assert frame.fillna("null").to_numpy().tolist() == [["good", "null"], ["null", "name"], ["null", "null"]]


def test_without_the_extra_column_an_unreadable_value_raises() -> None:
    rows = rows_of(frame_of([AMOUNT], [(1,), (None,)]), [AMOUNT])
    nan = rows[0][:2] + b"\0\0\0\x08" + b"\0\0\0\0\xc0\0\0\0"
    assert decode(rows[1], [len(rows[1])], [AMOUNT], unreadable=False).columns.tolist() == ["amount"]
    with pytest.raises(CorruptObject, match="amount"):
        decode(nan, [len(nan)], [AMOUNT], unreadable=False)


def test_extra_bigints_follow_the_declared_columns(database: Connection) -> None:
    query = "SELECT n, (n * 4000000000)::bigint FROM generate_series(1, 3) n"
    (frame,) = select(database, query, [NUMBER], extra_int8=["_xid"])
    assert frame.columns.tolist() == ["number", "_xid", UNREADABLE]
    assert frame["_xid"].dtype == np.int64
    assert frame["_xid"].tolist() == [4_000_000_000, 8_000_000_000, 12_000_000_000]


def test_an_extra_bigint_that_is_null_is_corrupt(database: Connection) -> None:
    with pytest.raises(CorruptObject, match="_xid"):
        select(database, "SELECT 1, null::bigint", [NUMBER], extra_int8=["_xid"])
    database.run("SELECT 1")


def test_frames_are_bounded_in_rows(database: Connection) -> None:
    frames = select(database, "SELECT generate_series(1, 10)", [NUMBER], rows_per_frame=4)
    assert [frame["number"].tolist() for frame in frames] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_no_rows_make_no_frame_and_no_block(database: Connection) -> None:
    assert select(database, "SELECT 1 WHERE false", [NUMBER]) == []
    assert list(encode(empty_frame(ALL_KINDS), ALL_KINDS)) == [HEADER, TRAILER]
    insert(database, empty_frame(ALL_KINDS), ALL_KINDS)
    assert database.run("SELECT count(*) FROM t") == [[0]]


@pytest.mark.parametrize("header_alone", [True, False])
def test_the_header_may_share_a_message_with_the_first_row(header_alone: bool) -> None:
    first, second = rows_of(frame_of([NUMBER], [(1,), (2,)]), [NUMBER])
    frames: list[Frame] = []
    sink = FrameSink([NUMBER], frames.append)
    for message in [HEADER, first, second, TRAILER] if header_alone else [HEADER + first, second, TRAILER]:
        sink.write(message)
    sink.close()
    assert [frame["number"].tolist() for frame in frames] == [[1, 2]]


def test_a_stream_that_is_cut_off_is_corrupt() -> None:
    sink = FrameSink([NUMBER], lambda frame: None)
    sink.write(HEADER)
    with pytest.raises(CorruptObject, match="trailer"):
        sink.close()


def test_a_stream_that_is_not_binary_copy_is_corrupt() -> None:
    with pytest.raises(CorruptObject, match="begin"):
        FrameSink([NUMBER], lambda frame: None).write(b"1\tone\n")


def test_rows_of_other_columns_are_corrupt(database: Connection) -> None:
    for query in ("SELECT 1", "SELECT 1, 2, 3", "SELECT 1::bigint, 'a'", "SELECT 1::smallint, 'a'", "SELECT 1.5, 'a'"):
        with pytest.raises(CorruptObject):
            select(database, query, [NUMBER, NAME])
    with pytest.raises(CorruptObject, match="amount"):
        select(database, "SELECT 1", [AMOUNT])


@settings(max_examples=150, deadline=None)
@given(frame=frames_of(ALL_KINDS).filter(len), data=st.data())
def test_damaged_rows_raise_nothing_but_corrupt_object(frame: Frame, data: st.DataObject) -> None:
    row = bytearray(rows_of(frame, ALL_KINDS)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.integers(0, 255))
    del row[data.draw(st.integers(0, len(row))) :]
    with suppress(CorruptObject):
        decode(bytes(row), [len(row)], ALL_KINDS)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (NUMBER, pd.Series([1], dtype="int64")),
        (AMOUNT, pd.Series([1.5])),
        (AMOUNT, pd.Series([10**10], dtype="Int64")),
        (AMOUNT, pd.Series([-(2**63)], dtype="Int64")),
        (MOMENT, pd.Series(["2022-01-01"], dtype="datetime64[s]")),
        (MOMENT, pd.Series(["2022-01-01"], dtype="datetime64[us, UTC]")),
        (DAY, pd.Series([date(2022, 1, 1)])),
        (NAME, pd.Series([1, None], dtype="object")),
        (NAME, pd.Series([b"a"], dtype="object")),
    ],
)
def test_what_would_be_written_as_something_else_is_refused_before_the_first_block(
    column: Column, values: pd.Series
) -> None:
    with pytest.raises(Refused, match=column.name):
        encode(Frame({column.name: values}), [column])


def test_blocks_are_whole_rows_of_three_megabytes_at_most() -> None:
    names = pd.Series(["x" * (n % 2_000) for n in range(20_000)], dtype="str")
    header, *blocks, trailer = encode(Frame({"name": names}), [NAME])
    assert (header, trailer) == (HEADER, TRAILER)
    assert all(100_000 < len(block) <= 3_000_000 for block in blocks)
    assert sum(map(len, blocks)) == 6 * len(names) + names.str.len().sum()
    assert all(block.startswith(b"\0\x01\0\0") for block in blocks)
