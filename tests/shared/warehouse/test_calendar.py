"""Days and times of day over all of PostgreSQL's time, against PostgreSQL's own words."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pg8000.native import Connection

from local.postgres import Server
from shared.columns import UNREADABLE, Column, Kind
from shared.frames import Frame
from shared.lake import parquet
from shared.postgres.decoding import FrameSink
from shared.postgres.encoding import encode
from shared.warehouse.dim_date import dim_date
from shared.warehouse.values import day_of, time_of
from tests.shared.transform.making import rows

pytestmark = pytest.mark.fast

DAY_US = 86_400_000_000
COLUMNS = [Column("moment", Kind.TIMESTAMP), Column("day", Kind.DATE), Column("hour", Kind.TIME)]
# In days since 2000: PostgreSQL's first day, and the last whole one of 64 bits of microseconds since 1970.
FIRST, LAST = -2_451_507, 106_740_993
DAYS = (
    st.integers(FIRST, LAST)
    | st.integers(-740_000, -720_000)  # about the birth of Christ
    | st.integers(2_921_000, 2_923_000)  # about the year 10000
    | st.sampled_from([FIRST, FIRST + 1, -730_485, -730_486, -730_487, -1, 0, 2_921_939, 2_921_940, LAST - 1, LAST])
)
MOMENTS = st.tuples(DAYS, st.integers(0, DAY_US - 1) | st.sampled_from([0, 1, DAY_US - 1]))


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Connection]:
    with server.superuser() as connection:
        connection.run("SET DateStyle = 'ISO'; SET lc_time = 'C'")
        yield connection


def select(database: Connection, query: str) -> Frame:
    frames: list[Frame] = []
    sink = FrameSink(COLUMNS, frames.append)
    database.run(f"COPY ({query}) TO STDOUT (FORMAT binary)", stream=sink)
    sink.close()
    return frames[0]


@settings(max_examples=60, deadline=None)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=40))
def test_a_moment_s_day_and_time_are_what_postgresql_says(database: Connection, moments: list[tuple[int, int]]) -> None:
    given = ", ".join(f"(date '2000-01-01' + {day} + {us} * interval '1 microsecond')" for day, us in moments)
    frame = select(database, f"SELECT m, CAST(m AS date), CAST(m AS time) FROM unnest(ARRAY[{given}]) AS m")
    assert frame[UNREADABLE].isna().all()
    pd.testing.assert_series_equal(day_of(frame["moment"]), frame["day"], check_names=False)
    pd.testing.assert_series_equal(time_of(frame["moment"]), frame["hour"], check_names=False)
    # What is kept in parquet, and what is sent to PostgreSQL, is the same.
    kept = parquet.decode(parquet.encode(frame, COLUMNS), COLUMNS, "a part")
    pd.testing.assert_frame_equal(kept, frame[[column.name for column in COLUMNS]])
    database.run("CREATE TEMP TABLE IF NOT EXISTS back (moment timestamp, day date, hour time); TRUNCATE back")
    database.run("COPY back FROM STDIN (FORMAT binary)", stream=encode(kept, COLUMNS))
    assert database.run(f"SELECT * FROM back EXCEPT SELECT m, m::date, m::time FROM unnest(ARRAY[{given}]) m") == []


@settings(max_examples=60, deadline=None)
@given(days=st.lists(DAYS, min_size=1, max_size=40))
def test_a_day_of_the_calendar_is_what_postgresql_says(database: Connection, days: list[int]) -> None:
    said = database.run(
        """SELECT d - date '2000-01-01', extract(year FROM d)::integer, extract(month FROM d)::integer,
                  extract(day FROM d)::integer, extract(isodow FROM d)::integer, to_char(d, 'FMDay'),
                  to_char(d, 'FMMonth'), extract(quarter FROM d)::integer
           FROM (SELECT DISTINCT date '2000-01-01' + n AS d FROM unnest(CAST(:days AS integer[])) AS n) AS days
           ORDER BY d""",
        days=days,
    )
    payments = rows("payment", *({"payment_date": "not a day"} for _ in days))
    moments = np.datetime64("2000-01-01", "us") + np.array(days, dtype="timedelta64[D]")
    payments["created_at"] = payments["last_updated"] = moments.astype("datetime64[us]")
    made = dim_date(payment=payments)
    number = (made.pop("date_id").to_numpy().astype("datetime64[D]") - np.datetime64("2000-01-01")).astype(int)
    assert [[int(day), *row] for day, row in zip(number, made.itertuples(index=False), strict=True)] == said
