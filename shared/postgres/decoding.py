"""PostgreSQL's binary COPY format -> frames, all rows of a column at a time. Pure: bytes and frames only.

A value that PostgreSQL has and the column's kind has not (NaN, infinity, more digits than money has,
a year past 294246, text that is not UTF-8) becomes null, and the row's extra text column
`_unreadable` names its column; so one such value never stops the rows around it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from shared.columns import UNREADABLE, Column, Kind
from shared.errors import CorruptObject
from shared.frames import DTYPES, Frame, Series
from shared.postgres.wire import (
    BOOLEAN_WIRE,
    COUNT_WIRE,
    EPOCH_DAYS,
    EPOCH_US,
    HEADER,
    INTEGER_WIRE,
    LENGTH_WIRE,
    LONG_WIRE,
    MONEY_WIRE,
    NEGATIVE,
    POSITIVE,
    TRAILER,
    Array,
    at_every_byte,
)

ROWS_PER_FRAME = 50_000  # more costs memory and gains no time
BYTES_PER_FRAME = 16 << 20  # a text may be 10 MB, so rows alone bound nothing
LAST_DAY = np.iinfo(np.int64).max // 86_400_000_000  # the last whole one of datetime64[us], since 1970
MONEY_HEADER = 8


class FrameSink:
    """The `stream` of pg8000's `run("COPY … TO STDOUT (FORMAT binary)")`: rows go in, frames come out.

    `on_frame` is given each frame of `rows_per_frame` rows, or fewer where they reach
    `bytes_per_frame`, and at `close` the rest. A table without rows makes no frame at all.
    `extra_int8` names the bigint columns that the SELECT adds after the declared ones.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        on_frame: Callable[[Frame], None],
        *,
        extra_int8: Sequence[str] = (),
        rows_per_frame: int = ROWS_PER_FRAME,
        bytes_per_frame: int = BYTES_PER_FRAME,
    ) -> None:
        self._columns, self._extra_int8, self._on_frame = columns, extra_int8, on_frame
        self._rows_per_frame, self._bytes_per_frame = rows_per_frame, bytes_per_frame
        self._rows: list[bytes] = []
        self._size = 0
        self._begun = self._ended = False

    def write(self, message: bytes) -> None:
        """One CopyData message: PostgreSQL puts one row into each, and the header before the first."""
        if not self._begun:
            message = self._without_header(message)
        if message == TRAILER:
            self._ended = True
        elif message:
            self._rows.append(message)
            self._size += len(message)
            if len(self._rows) >= self._rows_per_frame or self._size >= self._bytes_per_frame:
                self._hand_over()

    def close(self) -> None:
        """Hands over what is left; CorruptObject when the trailer never came."""
        if not self._ended:
            raise _corrupt("it ends without its trailer")
        if self._rows:
            self._hand_over()

    def _without_header(self, message: bytes) -> bytes:
        if not message.startswith(HEADER):
            raise _corrupt("it does not begin as binary COPY does")
        self._begun = True
        return message[len(HEADER) :]

    def _hand_over(self) -> None:
        data, lengths = b"".join(self._rows), [len(row) for row in self._rows]
        self._rows, self._size = [], 0
        frame = decode(data, lengths, self._columns, extra_int8=self._extra_int8)
        self._on_frame(frame)


def decode(
    data: bytes,
    lengths: Sequence[int],
    columns: Sequence[Column],
    *,
    extra_int8: Sequence[str] = (),
    unreadable: bool = True,
) -> Frame:
    """The rows that lie end to end in `data`, each as long as `lengths` says; no header, no trailer.

    The frame has the declared columns, the extra ones as int64, and `_unreadable` (unless told not
    to: then a value that cannot be held raises). CorruptObject when these are not rows of `columns`.
    """
    rows = _Rows(data, lengths, len(columns) + len(extra_int8))
    decoded: dict[str, Any] = {}
    misfits: dict[str, Array] = {}
    for column in columns:
        field = rows.next_field(column.name)
        values, misfit = DECODERS[column.kind](field)
        decoded[column.name] = _series(values, field.null | misfit, column.kind)
        if misfit.any():
            misfits[column.name] = misfit
    decoded |= {name: _required_long(rows.next_field(name)) for name in extra_int8}
    rows.expect_end()
    if unreadable:
        decoded[UNREADABLE] = _names_of_misfits(misfits, len(lengths))
    elif misfits:
        raise _corrupt(f"{', '.join(misfits)}: a value is none that the column can hold")
    return Frame(decoded, copy=False)


class _Field(NamedTuple):
    """One field of every row; `length` is 0 where it is null."""

    name: str
    data: bytes
    start: Array
    length: Array
    null: Array

    def read(self, wire: DTypeLike) -> Array:
        """What begins at each `start`, null or not; past the end there are zeros."""
        values: Array = at_every_byte(self.data, wire)[self.start]
        return values

    def read_exactly(self, wire: DTypeLike) -> Array:
        self.expect_length(np.dtype(wire).itemsize)
        return self.read(wire)

    def expect_length(self, length: int | Array) -> None:
        if ((self.length != length) & ~self.null).any():
            raise _corrupt(f"{self.name}: a field has not the length of its type")


class _Rows:
    """All rows, read field by field in step; `_at` is where the next field of each row begins."""

    def __init__(self, data: bytes, lengths: Sequence[int], fields: int) -> None:
        size = np.asarray(lengths, np.int64)
        if size.sum() != len(data) or (size < 2).any():
            raise _corrupt("the rows' lengths do not add up")
        self._data = data + bytes(MONEY_WIRE.itemsize)  # so that a read at the very end stays inside
        self._end = np.cumsum(size)
        self._at = self._end - size
        if (self._read(COUNT_WIRE) != fields).any():
            raise _corrupt(f"a row has not {fields} fields")
        self._at += 2

    def next_field(self, name: str) -> _Field:
        length = self._read(LENGTH_WIRE).astype(np.int64)
        null = length == -1
        length[null] = 0
        start = self._at + 4
        self._at = start + length
        if (length < 0).any() or (self._at > self._end).any():
            raise _corrupt(f"{name}: a field is longer than its row")
        return _Field(name, self._data, start, length, null)

    def expect_end(self) -> None:
        if (self._at != self._end).any():
            raise _corrupt("a row is longer than its fields")

    def _read(self, wire: DTypeLike) -> Array:
        values: Array = at_every_byte(self._data, wire)[self._at]
        return values


Decoded = tuple[Array, Array]  # values, and where the kind cannot hold what PostgreSQL has


def _decoded_integer(field: _Field) -> Decoded:
    return field.read_exactly(INTEGER_WIRE).astype(np.int32), _nowhere(field)


def _decoded_boolean(field: _Field) -> Decoded:
    return field.read_exactly(BOOLEAN_WIRE) != 0, _nowhere(field)


def _decoded_time(field: _Field) -> Decoded:
    """24:00:00 is a time in PostgreSQL; it becomes a timedelta of one day."""
    return field.read_exactly(LONG_WIRE).astype("timedelta64[us]"), _nowhere(field)


def _decoded_timestamp(field: _Field) -> Decoded:
    since_2000 = field.read_exactly(LONG_WIRE).astype(np.int64)
    limits = np.iinfo(np.int64)
    misfit = (since_2000 == limits.min) | (since_2000 > limits.max - EPOCH_US)
    since_1970 = np.where(misfit, 0, since_2000) + EPOCH_US
    return since_1970.view("datetime64[us]"), misfit & ~field.null


def _decoded_date(field: _Field) -> Decoded:
    days = field.read_exactly(INTEGER_WIRE).astype(np.int64) + EPOCH_DAYS
    # the earliest date is in 4713 BC, so what is further back is -infinity
    misfit = abs(days) > LAST_DAY
    return np.where(misfit, 0, days).astype("datetime64[D]").astype("datetime64[us]"), misfit & ~field.null


def _decoded_money(field: _Field) -> Decoded:
    """Digits of base 10,000, the first worth 10,000 ** weight; money has those of weight 1, 0 and -1."""
    wire = field.read(MONEY_WIRE)
    count, weight, digits = (wire[part].astype(np.int64) for part in ("count", "weight", "digits"))
    field.expect_length(MONEY_HEADER + 2 * count)
    fits = np.isin(wire["sign"], (POSITIVE, NEGATIVE)) & (weight <= 1) & (count <= weight + 2)
    ten_thousandths = np.zeros(len(wire), np.int64)
    for group in (1, 0, -1):
        place = weight - group
        digit = np.take_along_axis(digits, place.clip(0, 2)[:, None], axis=1)[:, 0]
        ten_thousandths += np.where((place >= 0) & (place < count), digit, 0) * 10_000 ** (group + 1)
    hundredths, rest = np.divmod(ten_thousandths, 100)
    misfit = ~(fits & (rest == 0)) & ~field.null
    return np.where(wire["sign"] == NEGATIVE, -hundredths, hundredths), misfit


def _decoded_text(field: _Field) -> Decoded:
    data, misfit = field.data, _nowhere(field)
    places = zip(field.start.tolist(), (field.start + field.length).tolist(), strict=True)
    texts = np.empty(len(field.start), object)
    try:
        texts[:] = [data[start:end].decode() for start, end in places]
    except UnicodeDecodeError:
        texts[:] = [_text_or_none(data[at : at + n]) for at, n in zip(field.start, field.length, strict=True)]
        misfit = pd.isna(texts)
    texts[field.null] = None
    return texts, misfit


def _text_or_none(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _nowhere(field: _Field) -> Array:
    return np.zeros(len(field.start), bool)


DECODERS: dict[Kind, Callable[[_Field], Decoded]] = {
    Kind.INTEGER: _decoded_integer,
    Kind.MONEY: _decoded_money,
    Kind.BOOLEAN: _decoded_boolean,
    Kind.TEXT: _decoded_text,
    Kind.DATE: _decoded_date,
    Kind.TIME: _decoded_time,
    Kind.TIMESTAMP: _decoded_timestamp,
}


def _series(values: Array, null: Array, kind: Kind) -> Series:
    values[null] = None if values.dtype.kind in "OmM" else 0
    if kind in (Kind.INTEGER, Kind.MONEY):
        return Series(pd.arrays.IntegerArray(values, null))
    if kind is Kind.BOOLEAN:
        return Series(pd.arrays.BooleanArray(values, null))
    return Series(values, dtype=DTYPES[kind], copy=False)


def _required_long(field: _Field) -> Array:
    if field.null.any():
        raise _corrupt(f"{field.name}: a field is null that never is")
    return field.read_exactly(LONG_WIRE).astype(np.int64)


def _names_of_misfits(misfits: dict[str, Array], rows: int) -> Series:
    names: list[list[str]] = [[] for _ in range(rows)] if misfits else []
    for name, misfit in misfits.items():
        for row in np.flatnonzero(misfit):
            names[row].append(name)
    return Series([",".join(each) or None for each in names] or [None] * rows, dtype="str")


def _corrupt(problem: str) -> CorruptObject:
    return CorruptObject("binary COPY", problem)
