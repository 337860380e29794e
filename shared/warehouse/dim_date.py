"""Every day that a fact names. A set: it only grows, and each batch adds what it has."""

from sqlalchemy import Date, Integer, String, Table

from shared.frames import Frame, Series
from shared.warehouse.declaring import key, metadata, required
from shared.warehouse.values import day_of, from_text_date

TABLE = Table(
    "dim_date",
    metadata,
    key("date_id", Date),
    required("year", Integer),
    required("month", Integer),
    required("day", Integer),
    required("day_of_week", Integer, "ISO: Monday 1 to Sunday 7"),
    required("day_name", String, "English"),
    required("month_name", String, "English"),
    required("quarter", Integer),
)

# Spelled out: no locale may change them.
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST_HALF = ("January", "February", "March", "April", "May", "June")
SECOND_HALF = ("July", "August", "September", "October", "November", "December")
DAY_NAMES = dict(enumerate(DAYS, start=1))
MONTH_NAMES = dict(enumerate(FIRST_HALF + SECOND_HALF, start=1))


def dim_date(
    sales_order: Frame | None = None, purchase_order: Frame | None = None, payment: Frame | None = None
) -> Frame:
    """A text that is no date is left out here: its fact refuses the row and says why."""
    orders = [order for order in (sales_order, purchase_order) if order is not None]
    payments = [payment] if payment is not None else []
    text_days = [order[name] for order in orders for name in ("agreed_delivery_date", "agreed_payment_date")]
    text_days += [frame["payment_date"] for frame in payments]
    moments = [frame[name] for frame in (*orders, *payments) for name in ("created_at", "last_updated")]
    return from_keys(_distinct([*map(day_of, moments), *map(from_text_date, text_days)]))


def _distinct(columns: list[Series]) -> Series:
    """The days, once each, in order."""
    import pandas as pd

    # Each column by itself first: a part has many rows and few days.
    days = pd.concat([pd.Series(column.dropna().unique(), dtype="datetime64[us]") for column in columns])
    return days.drop_duplicates().sort_values(ignore_index=True)


def _year(days: Series) -> Series:
    """As PostgreSQL's EXTRACT says it: there is no year 0, and the year before 1 is -1."""
    year: Series = days.dt.year
    return year.where(year > 0, year - 1)


def from_keys(days: Series) -> Frame:
    """The rows of these days."""
    day_of_week = days.dt.day_of_week + 1
    return Frame(
        {
            "date_id": days,
            "year": _year(days),
            "month": days.dt.month,
            "day": days.dt.day,
            "day_of_week": day_of_week,
            "day_name": day_of_week.map(DAY_NAMES),
            "month_name": days.dt.month.map(MONTH_NAMES),
            "quarter": days.dt.quarter,
        }
    )
