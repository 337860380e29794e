"""Rows of a table that the generator invents nothing for: totesys.sql has it, and no code here knows it."""

from local.static_tables import Row
from local.tables import TYPES

# So many of each kind of row exist in every source, and foreign keys refer to them.
_ROWS = 3


def typical_rows(table: str, at: str) -> list[Row]:
    """Return some rows with a value for each column, made from its type. `at` is the time of their creation."""
    return [tuple(_value(type_, number, at) for type_ in TYPES[table].values()) for number in range(1, _ROWS + 1)]


def _value(type_: str, number: int, at: str) -> object:
    match type_.upper():
        case "TIMESTAMP":
            return at
        case "DATE":
            return at.split()[0]
        case "TIME":
            return at.split()[1]
        case "BOOLEAN":
            return number % 2 == 0
        case _:
            return number
