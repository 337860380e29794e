"""PostgreSQL's binary COPY format, as its two directions share it: `decoding` and `encoding`.

What travels is a header of 19 bytes, rows, and a trailer of 2. A row is a 16-bit count of its fields
and then, for each field, a 32-bit length (-1: null) and that many bytes, everything big-endian.
numpy reads and writes a field of all rows at once: see `at_every_byte`.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

EPOCH_DAYS = 10_957  # PostgreSQL counts from 2000, pandas from 1970
EPOCH_US = EPOCH_DAYS * 86_400_000_000
POSITIVE, NEGATIVE = 0, 0x4000  # a numeric's sign; any other is NaN or an infinity

COUNT_WIRE, LENGTH_WIRE = ">i2", ">i4"
INTEGER_WIRE, LONG_WIRE, BOOLEAN_WIRE = ">i4", ">i8", "u1"
# ndigits, weight, sign, dscale, then digits in base 10,000; three hold any numeric(10,2)
MONEY_WIRE = np.dtype([("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), ("digits", ">i2", 3)])


def at_every_byte(data: bytes | Array, wire: DTypeLike) -> Array:
    """`data` seen as one `wire` value at each of its bytes, overlapping and not copied: indexed with
    an array of places, it reads (or is given) the values that begin there."""
    dtype: np.dtype[Any] = np.dtype(wire)
    return np.ndarray(max(len(data) - dtype.itemsize + 1, 0), dtype, data, strides=(1,))
