"""Columns of rows in memory: pandas, which is imported by the first frame that is made.

What only reads declarations (watch, and what serves the warehouse) does without the 0.5 s and 60 MB that pandas costs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.columns import Column, Kind

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


__all__ = ["DTYPES", "Frame", "Series", "empty_frame"]

DTYPES = {
    Kind.INTEGER: "Int32",
    Kind.MONEY: "Int64",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "str",
    Kind.DATE: "datetime64[us]",
    Kind.TIME: "timedelta64[us]",
    Kind.TIMESTAMP: "datetime64[us]",
}


def empty_frame(columns: Sequence[Column]) -> Frame:
    """No rows, with the dtypes that `columns` have everywhere."""
    return Frame({c.name: Series(dtype=DTYPES[c.kind]) for c in columns})
