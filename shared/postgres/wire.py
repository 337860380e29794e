"""PostgreSQL's binary COPY format: what decoding, encoding and the kinds' codecs share.

A stream is a header of 19 bytes, rows, and a trailer of 2. A row is a 16-bit count of its fields and then, for each
field, a 32-bit length (-1: null) and that many bytes, everything big-endian. numpy reads and writes a field of all rows
at once: see `at_every_byte`.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from shared.errors import CorruptObject

Array = NDArray[Any]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

EPOCH_DAYS = 10_957  # PostgreSQL counts from 2000, pandas from 1970
EPOCH_US = EPOCH_DAYS * 86_400_000_000
POSITIVE, NEGATIVE = 0, 0x4000  # a numeric's sign; any other is NaN or an infinity

COUNT_WIRE, LENGTH_WIRE = ">i2", ">i4"
INTEGER_WIRE, LONG_WIRE, BOOLEAN_WIRE = ">i4", ">i8", "u1"
NUMERIC_HEADER = 8
# The most digits of base 10,000 that a decimal of 18 digits can have: five before the point and one after it.
MOST_DIGITS = 6


@cache
def numeric_wire(digits: int) -> np.dtype[Any]:
    """Return the layout of a numeric of so many digits of base 10,000: ndigits, weight, sign, dscale, digits."""
    fields: list[Any] = [("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2")]
    return np.dtype([*fields, ("digits", ">i2", (digits,))])


# The most bytes that a codec reads at one place.
LONGEST_READ = numeric_wire(MOST_DIGITS).itemsize


def at_every_byte(data: bytes | Array, wire: DTypeLike) -> Array:
    """Return `data` as one `wire` value at each of its bytes, overlapping and not copied.

    Indexed with an array of places, it reads, or sets, the values that begin there.
    """
    dtype: np.dtype[Any] = np.dtype(wire)
    return np.ndarray(max(len(data) - dtype.itemsize + 1, 0), dtype, data, strides=(1,))


class Field(NamedTuple):
    """One field of every row that was received; `length` is 0 where it is null."""

    name: str
    data: bytes
    start: Array
    length: Array
    null: Array

    def read(self, wire: DTypeLike) -> Array:
        """Return what begins at each `start`, null or not; past the end there are zeros."""
        values: Array = at_every_byte(self.data, wire)[self.start]
        return values

    def read_exactly(self, wire: DTypeLike) -> Array:
        self.expect_length(np.dtype(wire).itemsize)
        return self.read(wire)

    def expect_length(self, length: int | Array) -> None:
        if ((self.length != length) & ~self.null).any():
            raise corrupt(f"{self.name}: a field has not the length of its type")


Decoded = tuple[Array, Array]  # values, and where the kind cannot hold what PostgreSQL has


class Values(NamedTuple):
    """A field to send, of one width in every row that has it."""

    values: Array
    null: Array

    @property
    def length(self) -> Array:
        return np.where(self.null, 0, self.values.dtype.itemsize)

    def write(self, out: Array, at: Array) -> None:
        present = ~self.null
        at_every_byte(out, self.values.dtype)[at[present]] = self.values[present]


class Texts(NamedTuple):
    """A field to send, of many lengths; null has none."""

    data: Array
    length: Array
    null: Array

    def write(self, out: Array, at: Array) -> None:
        """Write all texts of one length at a time: most columns have few lengths."""
        start = np.cumsum(self.length) - self.length
        for length in np.unique(self.length[self.length > 0]).tolist():
            rows, text = np.flatnonzero(self.length == length), f"V{length}"
            at_every_byte(out, text)[at[rows]] = at_every_byte(self.data, text)[start[rows]]


def corrupt(problem: str) -> CorruptObject:
    return CorruptObject("binary COPY", problem)
