"""Column by column: what the warehouse makes of the source's values. Pure and vectorised."""

import datetime
import re

from shared.frames import Frame, Series

# [0-9] and not \d, which takes every script's digits.
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(moments: Series) -> Series:
    """The day of each timestamp, as midnight."""
    midnights: Series = moments.dt.normalize()
    return midnights


def time_of(moments: Series) -> Series:
    """The time of day of each timestamp, as the time since midnight."""
    since_midnight: Series = moments - day_of(moments)
    return since_midnight


def from_text_date(texts: Series) -> Series:
    """Days from texts that are exactly YYYY-MM-DD; null for any other text and for a day that never was."""
    import pandas as pd

    # A year of orders has some hundred different days: each is parsed once.
    codes, distinct = pd.factorize(texts)
    days = pd.Series([_iso_day(text) for text in distinct], dtype="datetime64[us]")
    return pd.Series(days.reindex(codes).to_numpy(), index=texts.index, name=texts.name)


def _iso_day(text: str) -> datetime.datetime | None:
    if not ISO_DATE.fullmatch(text):
        return None
    try:
        return datetime.datetime.fromisoformat(text)
    except ValueError:
        return None


def partners(ids: Series, table: Frame, key: str) -> Frame:
    """The row of `table` that each id refers to, nulls where there is none: a left join that keeps `ids`' rows."""
    found = table.drop_duplicates(key).set_index(key).reindex(ids)
    return found.set_axis(ids.index)
