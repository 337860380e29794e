"""Columns of the warehouse's declarations; a column may be null only when it is `optional`."""

from typing import Any

from sqlalchemy import Column, Date, ForeignKey, Integer, MetaData, Time
from sqlalchemy.types import TypeEngine

Declared = Column[Any]
Type = type[TypeEngine[Any]] | TypeEngine[Any]

# Without a schema: the warehouse's schema is a setting.
metadata = MetaData()

REJECTION = "rejection"
NOT_A_DATE = "missing, or not a date YYYY-MM-DD"


def key(name: str, type_: Type = Integer, comment: str = "") -> Declared:
    """Declare a dimension's primary key: the source's own, never a serial."""
    return Column(name, type_, primary_key=True, autoincrement=False, comment=comment or None)


def required(name: str, type_: Type, comment: str = "", rejection: str = "") -> Declared:
    """Declare a column that may not be null. `rejection` is the reason for quarantine where "missing" is not enough."""
    return Column(name, type_, nullable=False, comment=comment or None, info=_info(rejection))


def optional(name: str, type_: Type, comment: str = "") -> Declared:
    """Declare a column that may be null."""
    return Column(name, type_, nullable=True, comment=comment or None)


def record_id(name: str) -> Declared:
    """Declare a fact's serial primary key: a later record of one business id has a higher one."""
    return Column(name, Integer, primary_key=True, autoincrement=True, comment="The record; the latest is the highest")


def business_id(name: str) -> Declared:
    """Declare a fact's business id: not unique, as a fact keeps every version; indexed to find the latest one."""
    return Column(name, Integer, nullable=False, index=True, comment="The source's key; one record per version")


def reference(name: str, dimension_key: str, comment: str = "") -> Declared:
    """Declare a foreign key to a dimension."""
    return Column(name, Integer, ForeignKey(dimension_key), nullable=False, comment=comment or None)


def text_day(name: str, comment: str = "") -> Declared:
    """Declare a day that the source holds as text."""
    return _day(name, comment, NOT_A_DATE)


def created_and_updated() -> tuple[Declared, ...]:
    """Declare the days and times of day at which the source says the row was created and last updated, UTC."""
    return (
        _day("created_date"),
        required("created_time", Time, "UTC"),
        _day("last_updated_date"),
        required("last_updated_time", Time, "UTC; a row can change without it"),
    )


def _day(name: str, comment: str = "", rejection: str = "") -> Declared:
    day = ForeignKey("dim_date.date_id")
    return Column(name, Date, day, nullable=False, comment=comment or None, info=_info(rejection))


def _info(rejection: str) -> dict[str, str]:
    return {REJECTION: rejection} if rejection else {}
