"""Numbers with their nouns, and times. Pure."""

from datetime import datetime


def counted(number: int, noun: str) -> str:
    """Return "1 row" or "2 rows"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def when(at: datetime | None) -> str:
    """Return "at 2026-01-31 12:00:00 UTC", or "never"."""
    return f"at {at:%F %T} UTC" if at else "never"
