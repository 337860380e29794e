"""The kinds of column that go from a source to the warehouse. A kind is one class with every fact about it.

| kind          | PostgreSQL          | pandas                         | parquet                           |
|---------------|---------------------|--------------------------------|-----------------------------------|
| INTEGER       | integer             | Int32                          | INT32                             |
| Decimal(p, s) | numeric(p,s)        | Int64, in units of 10 ** -s    | INT64, DECIMAL(p,s)               |
| BOOLEAN       | boolean             | boolean                        | BOOLEAN                           |
| TEXT          | text, varchar, enum | str                            | BYTE_ARRAY, UTF8                  |
| DATE          | date                | datetime64[us] at midnight     | INT32, DATE                       |
| TIME          | time                | timedelta64[us] since midnight | INT64, TIME_MICROS, not UTC       |
| TIMESTAMP     | timestamp           | datetime64[us]                 | INT64, TIMESTAMP_MICROS, not UTC  |

Every kind can hold null. A decimal is never a float, and null is never a text. A new kind is a class here, an entry in
KINDS, and its codec in shared/postgres/codecs.py. Imported without pandas, and without SQLAlchemy: importing it takes
four times as long as all else that a script which reads a document imports.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pandas import Series
    from sqlalchemy.types import TypeEngine

# The text column of a batch that names, per row, the columns whose value no kind here can hold, separated by commas.
UNREADABLE = "_unreadable"
# What follows the name of a column there whose text was too long to be read.
TOO_LONG = ":too_long"
# Bytes, in the source's own encoding. A text of 10 MB arrives; a row of which all texts are as long as this (address
# has seven) costs 590 MB of extract's 1,024 and 370 of a transform's 512: benchmarks/memory.py.
LONGEST_TEXT = 12 << 20

DAY_US = 86_400_000_000


class ParquetType(NamedTuple):
    """How parquet stores a kind, in the words of its specification.

    `digits` are the precision and scale of a DECIMAL. `unit_us` is one stored unit of a time in microseconds.
    """

    physical: str
    converted: str | None = None
    logical: str | None = None
    digits: tuple[int, int] | None = None
    unit_us: int | None = None


class Kind:
    """What a column holds. Two kinds of one name are equal."""

    name: str
    """The name in messages, and in the fingerprints of declarations that documents hold."""
    dtype: str
    """The dtype in pandas."""
    parquet: ParquetType
    declared_as: str
    """The name of SQLAlchemy's type of a warehouse column of this kind."""
    source_types: str
    """A pattern of PostgreSQL's types, as format_type() spells them, of which this kind holds every value."""
    warehouse_type: str
    """The warehouse's type, as format_type() spells it."""
    exact_types: tuple[str, ...]
    """Other types of the warehouse that store, and compare, every value as it was sent."""
    key_types: tuple[str, ...] | None = None
    """Types, without length or scale, that a key of this kind may have in the warehouse; None: only texts."""
    digits: tuple[int, int] | None = None
    """The digits before and after the point, when it is a number."""
    unreadable: str = "a value that the column's type cannot hold"
    """Why a value of the source is quarantined that this kind cannot hold."""
    misfit: str = ""
    """Why a value is refused that pandas' dtype can hold and this kind cannot."""

    @property
    def stage_type(self) -> str:
        """Return PostgreSQL's type in which values are sent to the warehouse."""
        return self.warehouse_type

    @property
    def base_type(self) -> str:
        """Return the stage's type without length or scale."""
        return re.sub(r"\(.*\)", "", self.stage_type)

    def holds_source_type(self, type_: str) -> bool:
        """Return whether this kind holds every value of a type of the source."""
        return re.fullmatch(self.source_types, type_) is not None

    def is_held_by(self, series: "Series") -> bool:
        """Return whether the series has this kind's dtype."""
        return bool(series.dtype == self.dtype)

    def fits(self, values: "Series") -> bool:
        """Return whether this kind holds each of the values, none of which is null."""
        return True

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class Integer(Kind):
    name = "integer"
    dtype = "Int32"
    parquet = ParquetType("INT32")
    declared_as = "Integer"
    source_types = "integer"
    warehouse_type = "integer"
    exact_types = ("integer", "bigint", "double precision")
    key_types = ("smallint", "integer", "bigint", "numeric", "double precision")
    digits = (10, 0)


class Decimal(Kind):
    """A number of at most `precision` digits, `scale` of them after the point.

    Raises ValueError beyond 18 digits: pandas holds it in 64 bits, as a whole number of its last decimal place.
    """

    dtype = "Int64"
    declared_as = "Numeric"
    exact_types = ()

    def __init__(self, precision: int, scale: int) -> None:
        if not 0 <= scale <= precision or not 1 <= precision <= 18:
            raise ValueError(f"numeric({precision},{scale}) is no decimal of 1 to 18 digits")
        self.precision, self.scale = precision, scale
        self.warehouse_type = f"numeric({precision},{scale})"
        # The only decimal there was at first: fingerprints in documents have this name.
        self.name = "money" if (precision, scale) == (10, 2) else self.warehouse_type
        self.parquet = ParquetType("INT64", "DECIMAL", "DECIMAL", digits=(precision, scale))
        self.digits = (precision - scale, scale)
        self.unreadable = f"a value that {self.warehouse_type} cannot hold"
        self.misfit = f"a number has more digits than {self.warehouse_type}"

    def holds_source_type(self, type_: str) -> bool:
        found = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_)
        if not found:
            return False
        precision, scale = int(found[1]), int(found[2])
        return scale <= self.scale and precision - scale <= self.precision - self.scale

    def fits(self, values: "Series") -> bool:
        limit = 10**self.precision
        return bool(values.between(-limit, limit, "neither").all())


class Boolean(Kind):
    name = "boolean"
    dtype = "boolean"
    parquet = ParquetType("BOOLEAN")
    declared_as = "Boolean"
    source_types = "boolean"
    warehouse_type = "boolean"
    exact_types = ("boolean",)


class Text(Kind):
    """Unicode. A series of it may be `str`, or `object` that holds only texts and nulls."""

    name = "text"
    dtype = "str"
    parquet = ParquetType("BYTE_ARRAY", "UTF8", "STRING")
    declared_as = "String"
    source_types = r"text|enum|character varying(\(\d+\))?"
    warehouse_type = "character varying"
    stage_type = "text"
    exact_types = ("text", "character varying")
    unreadable = "a text that is not UTF-8"

    def is_held_by(self, series: "Series") -> bool:
        from pandas.api.types import infer_dtype

        return super().is_held_by(series) or infer_dtype(series, skipna=True) in ("string", "empty")


class Date(Kind):
    name = "date"
    dtype = "datetime64[us]"
    parquet = ParquetType("INT32", "DATE", "DATE", unit_us=DAY_US)
    declared_as = "Date"
    source_types = "date"
    warehouse_type = "date"
    exact_types = ("date",)
    key_types = ("date", "timestamp without time zone", "timestamp with time zone")
    misfit = "a date has a time of day"

    def fits(self, values: "Series") -> bool:
        return not (values.to_numpy().view("int64") % DAY_US).any()


class Time(Kind):
    """A time of day; 24:00 is one."""

    name = "time"
    dtype = "timedelta64[us]"
    parquet = ParquetType("INT64", "TIME_MICROS", "TIME", unit_us=1)
    declared_as = "Time"
    source_types = r"time(\(\d\))? without time zone"
    warehouse_type = "time without time zone"
    exact_types = ("time without time zone", "time(6) without time zone")
    misfit = "a time is not within one day"

    def fits(self, values: "Series") -> bool:
        microseconds = values.to_numpy().view("int64")
        return bool(((microseconds >= 0) & (microseconds <= DAY_US)).all())


class Timestamp(Kind):
    """A date and time without a time zone."""

    name = "timestamp"
    dtype = "datetime64[us]"
    parquet = ParquetType("INT64", "TIMESTAMP_MICROS", "TIMESTAMP", unit_us=1)
    declared_as = "DateTime"
    source_types = r"timestamp(\(\d\))? without time zone"
    warehouse_type = "timestamp without time zone"
    exact_types = ("timestamp without time zone", "timestamp(6) without time zone")
    unreadable = "a time that is infinite or out of range"


INTEGER, MONEY, BOOLEAN, TEXT = Integer(), Decimal(10, 2), Boolean(), Text()
DATE, TIME, TIMESTAMP = Date(), Time(), Timestamp()

KINDS: tuple[Kind, ...] = (INTEGER, MONEY, BOOLEAN, TEXT, DATE, TIME, TIMESTAMP)
"""One of each class."""


def kind_declared_as(type_: "TypeEngine[Any]") -> Kind | None:
    """Return the kind of a warehouse column of SQLAlchemy's type; None when no kind is declared so.

    Raises ValueError for a decimal with too many digits. A Numeric without limits holds money.
    """
    import sqlalchemy

    if isinstance(type_, sqlalchemy.Numeric):
        return MONEY if type_.precision is None else Decimal(type_.precision, type_.scale or 0)
    return next((kind for kind in KINDS if isinstance(type_, getattr(sqlalchemy, kind.declared_as))), None)


class Column(NamedTuple):
    """A column of a batch, or of a part for the warehouse."""

    name: str
    kind: Kind
    nullable: bool = False
