"""PostgreSQL's times, never through a text that depends on the session's DateStyle and TimeZone. Pure."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1)


def time_of(microseconds: int) -> datetime:
    """Return the time, in UTC and without a zone, that is so long after 1970 began."""
    return EPOCH + timedelta(microseconds=microseconds)


def written(time: datetime) -> str:
    """Return `time` as PostgreSQL writes a timestamp in DateStyle ISO: cursors have kept the server's start so."""
    text = time.isoformat(sep=" ")
    return text.rstrip("0") if time.microsecond else text


def timestamp_from_text(text: str) -> datetime | str:
    """Return the timestamp that PostgreSQL wrote in DateStyle ISO, or `text` itself where Python has no such time.

    Those are the infinities, years after 9999 and before Christ. Nothing is guessed: pg8000's own reader takes
    12/03/2026 for the 3rd of December whatever the session says, and an ancient year for one of today.
    """
    return _from_iso(text, datetime.fromisoformat)


def date_from_text(text: str) -> date | str:
    """Return the date, as `timestamp_from_text`."""
    return _from_iso(text, date.fromisoformat)


def _from_iso(text: str, read: Callable[[str], T]) -> T | str:
    try:
        return read(text)
    except ValueError:
        return text
