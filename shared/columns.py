"""The seven kinds of column that travel from totesys to the warehouse, and how each is held in pandas.

| kind      | PostgreSQL          | pandas          | parquet                              |
|-----------|---------------------|-----------------|--------------------------------------|
| INTEGER   | integer             | Int32           | INT32                                |
| MONEY     | numeric(10,2)       | Int64, hundredths | INT64, DECIMAL(10,2)               |
| BOOLEAN   | boolean             | boolean         | BOOLEAN                              |
| TEXT      | text, varchar, enum | str             | BYTE_ARRAY, UTF8                     |
| DATE      | date                | datetime64[us] at midnight | INT32, DATE               |
| TIME      | time                | timedelta64[us] since midnight | INT64, TIME_MICROS, not UTC-adjusted |
| TIMESTAMP | timestamp           | datetime64[us]  | INT64, TIMESTAMP_MICROS, not UTC-adjusted |

Every kind can hold null. Money is never a float, and null is never a text.
"""

from enum import StrEnum
from typing import NamedTuple

# The text column of a batch that names, per row, the columns whose value no kind here can hold, parted by commas.
UNREADABLE = "_unreadable"
# What follows the name of a column there whose text was too long to be read.
TOO_LONG = ":too_long"
# Bytes, in the source's own encoding. A text of 10 MB arrives; a row of which all texts are as long as this (address
# has seven) costs 590 MB of extract's 1,024 and 370 of a transform's 512: benchmarks/memory.py.
LONGEST_TEXT = 12 << 20


class Kind(StrEnum):
    INTEGER = "integer"
    MONEY = "money"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"


class Column(NamedTuple):
    name: str
    kind: Kind
    nullable: bool = False
