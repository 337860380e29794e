"""Column transforms against plain Python, one value at a time."""

import re
from datetime import date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.frames import Series
from shared.warehouse.values import day_of, from_text_date, partners, time_of

pytestmark = pytest.mark.fast


def texts(*values: str | None) -> Series:
    return Series(values, dtype="str")


def plainly_parsed(text: str | None) -> pd.Timestamp | None:
    if text is None or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
        return None
    try:
        return pd.Timestamp(date.fromisoformat(text))
    except ValueError:
        return None


SHAPES = (
    st.from_regex(r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]\Z") | st.dates().map(str) | st.text("0123456789-/T ٣", max_size=12)
)


@given(st.lists(SHAPES | st.none(), max_size=20))
def test_a_text_date_is_what_python_reads_and_nothing_looser(values: list[str | None]) -> None:
    found = from_text_date(texts(*values))
    assert found.dtype == "datetime64[us]"
    assert [None if pd.isna(day) else day for day in found] == [plainly_parsed(value) for value in values]


@pytest.mark.parametrize("text", ["0001-01-01", "1582-10-10", "2000-02-29", "2024-02-29", "9999-12-31"])
def test_every_day_of_the_calendar_is_a_date(text: str) -> None:
    assert [f"{day:%Y-%m-%d}".zfill(10) for day in from_text_date(texts(text))] == [text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-02-30",
        "1900-02-29",
        "9999-13-01",
        "0000-01-01",
        "2024-1-01",
        "20240101",
        "2024-W01-1",
        " 2024-01-01",
        "2024-01-01 ",
        "2024-01-01\n",
        "2024-01-01T00:00:00",
        "01/02/2024",
        "10000-01-01",
        "-001-01-01",
        "٢٠٢٤-٠١-٠١",
        "2024-01-01\0",
        "null",
    ],
)
def test_anything_else_is_null(text: str) -> None:
    assert from_text_date(texts(text)).isna().all()


def test_a_text_date_keeps_its_row() -> None:
    found = from_text_date(texts("2024-01-02", None, "2024-01-02").set_axis([7, 3, 5]))
    assert found.index.tolist() == [7, 3, 5]
    assert found.isna().tolist() == [False, True, False]


@given(st.lists(st.datetimes() | st.none(), max_size=20))
def test_a_moment_is_its_day_and_its_time(moments: list[datetime | None]) -> None:
    column = Series(moments, dtype="datetime64[us]")
    days, times = day_of(column), time_of(column)
    assert [str(days.dtype), str(times.dtype)] == ["datetime64[us]", "timedelta64[us]"]
    for moment, day, time in zip(moments, days, times, strict=True):
        if moment is None:
            assert pd.isna(day)
            assert pd.isna(time)
        else:
            midnight = datetime(moment.year, moment.month, moment.day)
            assert day == midnight
            assert time == moment - midnight


def test_the_last_microsecond_of_a_day_belongs_to_it() -> None:
    moment = Series([datetime(1969, 12, 31, 23, 59, 59, 999999)], dtype="datetime64[us]")
    assert day_of(moment)[0] == datetime(1969, 12, 31)
    assert time_of(moment)[0] == timedelta(days=1) - timedelta(microseconds=1)


def test_a_partner_is_found_by_its_key_or_is_null() -> None:
    table = pd.DataFrame({"id": Series([1, 2], dtype="Int32"), "name": texts("one", None)})
    found = partners(Series([2, 9, None, 1, 1], dtype="Int32", index=[5, 4, 3, 2, 1]), table, "id")
    assert found.index.tolist() == [5, 4, 3, 2, 1]
    assert found["name"].fillna("-").tolist() == ["-", "-", "-", "one", "one"]


def test_a_partner_that_comes_twice_doubles_no_row() -> None:
    table = pd.DataFrame({"id": Series([1, 1], dtype="Int32"), "name": texts("one", "again")})
    assert partners(Series([1, 1], dtype="Int32"), table, "id")["name"].tolist() == ["one", "one"]
