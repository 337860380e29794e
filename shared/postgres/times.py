"""PostgreSQL's times, never through a text that depends on the session's DateStyle and TimeZone. Pure."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1)


def time_of(microseconds: int) -> datetime:
    """Return the time, UTC without a zone, that is so many microseconds after the start of 1970."""
    return EPOCH + timedelta(microseconds=microseconds)


def written(time: datetime) -> str:
    """Return `time` as PostgreSQL writes a timestamp in DateStyle ISO, which is how cursors keep the server's start."""
    text = time.isoformat(sep=" ")
    return text.rstrip("0") if time.microsecond else text


def timestamp_from_text(text: str) -> datetime | str:
    """Return the timestamp that PostgreSQL wrote in DateStyle ISO, or `text` itself where Python has no such time.

    Python has no infinities, and no years after 9999 or before Christ. Nothing is guessed: pg8000's own reader takes
    12/03/2026 for the 3rd of December whatever the session says, and an ancient year for a present one.
    """
    return _from_iso(text, datetime.fromisoformat)


def date_from_text(text: str) -> date | str:
    """Return the date, like `timestamp_from_text`."""
    return _from_iso(text, date.fromisoformat)


def _from_iso(text: str, read: Callable[[str], T]) -> T | str:
    try:
        return read(text)
    except ValueError:
        return text
