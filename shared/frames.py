"""Rows in memory: pandas, which is imported when the first frame is made.

What only reads declarations (watch, and what serves the warehouse) does without the 0.5 s and 60 MB that pandas costs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.columns import Column
from shared.errors import Refused

if TYPE_CHECKING:
    from pandas import DataFrame as Frame
    from pandas import Series as Series
else:

    class Frame:
        def __new__(cls, *values: Any, **options: Any) -> Any:
            import pandas

            return pandas.DataFrame(*values, **options)

    class Series:
        def __new__(cls, *values: Any, **options: Any) -> Any:
            import pandas

            return pandas.Series(*values, **options)


__all__ = ["Frame", "Series", "empty_frame", "refuse_misfits"]


def empty_frame(columns: Sequence[Column]) -> Frame:
    """Return a frame without rows that has the dtypes of `columns`."""
    return Frame({c.name: Series(dtype=c.kind.dtype) for c in columns})


def refuse_misfits(frame: Frame, columns: Sequence[Column]) -> None:
    """Raise Refused when a column has not its kind's dtype, or holds a value that its kind cannot hold.

    Otherwise another value would be written, or an error in the midst of a COPY would end the connection.
    """
    for column in columns:
        series = frame[column.name]
        if not column.kind.is_held_by(series):
            raise Refused(f"{column.name}: {series.dtype} is not how {column.kind} is held")
        if not column.kind.fits(series.dropna()):
            raise Refused(f"{column.name}: {column.kind.misfit}")
