"""PostgreSQL's binary COPY format -> frames, all rows of a column at a time. Pure: bytes and frames only.

A value that PostgreSQL has and the column's kind cannot hold (NaN, infinity, more digits than the decimal has, a year
past 294246, text that is not UTF-8) becomes null, and the row's extra text column `_unreadable` names its column. So
one such value never stops the rows around it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from shared.columns import UNREADABLE, Column, Kind
from shared.frames import Frame, Series
from shared.postgres.codecs import codec_of
from shared.postgres.wire import (
    COUNT_WIRE,
    HEADER,
    LENGTH_WIRE,
    LONG_WIRE,
    LONGEST_READ,
    TRAILER,
    Array,
    Field,
    at_every_byte,
    corrupt,
)

ROWS_PER_FRAME = 50_000  # more costs memory and gains no time
BYTES_PER_FRAME = 16 << 20  # a text may be 10 MB, so rows alone bound nothing


class FrameSink:
    """The `stream` of pg8000's `run("COPY … TO STDOUT (FORMAT binary)")`: rows go in, frames come out.

    `on_frame` gets each frame of `rows_per_frame` rows, or fewer where they reach `bytes_per_frame`, and at `close` the
    rest. A table without rows makes no frame. `extra_int8` are the bigint columns that the SELECT adds after the
    declared ones.
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
        """Take one CopyData message: PostgreSQL puts one row into each, and the header before the first."""
        if not self._begun:
            message = self._without_header(message)
        if message == TRAILER:
            self._ended = True
        elif message:
            self._rows.append(message)
            self._size += len(message)
            if len(self._rows) >= self._rows_per_frame or self._size >= self._bytes_per_frame:
                self._deliver()

    def close(self) -> None:
        """Deliver what is left. Raise CorruptObject when the trailer never came."""
        if not self._ended:
            raise corrupt("it ends without its trailer")
        if self._rows:
            self._deliver()

    def _without_header(self, message: bytes) -> bytes:
        if not message.startswith(HEADER):
            raise corrupt("it does not begin as binary COPY does")
        self._begun = True
        return message[len(HEADER) :]

    def _deliver(self) -> None:
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
    """Return the rows that lie end to end in `data`, each as long as `lengths` says, without header and trailer.

    The frame has the declared columns, the extra ones as int64, and `_unreadable`. Without the latter a value that
    cannot be held raises CorruptObject, as do rows that are not of `columns`.
    """
    rows = _Rows(data, lengths, len(columns) + len(extra_int8))
    decoded: dict[str, Any] = {}
    misfits: dict[str, Array] = {}
    for column in columns:
        field = rows.next_field(column.name)
        values, misfit = codec_of(column.kind).decode(field)
        decoded[column.name] = _series(values, field.null | misfit, column.kind)
        if misfit.any():
            misfits[column.name] = misfit
    decoded |= {name: _required_long(rows.next_field(name)) for name in extra_int8}
    rows.expect_end()
    if unreadable:
        decoded[UNREADABLE] = _names_of_misfits(misfits, len(lengths))
    elif misfits:
        raise corrupt(f"{', '.join(misfits)}: a value that the column cannot hold")
    return Frame(decoded, copy=False)


class _Rows:
    """All rows, read field by field in step; `_at` is where the next field of each row begins."""

    def __init__(self, data: bytes, lengths: Sequence[int], fields: int) -> None:
        size = np.asarray(lengths, np.int64)
        if size.sum() != len(data) or (size < 2).any():
            raise corrupt("the rows' lengths do not add up")
        self._data = data + bytes(LONGEST_READ)  # so that a read at the very end stays inside
        self._end = np.cumsum(size)
        self._at = self._end - size
        if (self._read(COUNT_WIRE) != fields).any():
            raise corrupt(f"a row has not {fields} fields")
        self._at += 2

    def next_field(self, name: str) -> Field:
        length = self._read(LENGTH_WIRE).astype(np.int64)
        null = length == -1
        length[null] = 0
        start = self._at + 4
        self._at = start + length
        if (length < 0).any() or (self._at > self._end).any():
            raise corrupt(f"{name}: a field is longer than its row")
        return Field(name, self._data, start, length, null)

    def expect_end(self) -> None:
        if (self._at != self._end).any():
            raise corrupt("a row is longer than its fields")

    def _read(self, wire: DTypeLike) -> Array:
        values: Array = at_every_byte(self._data, wire)[self._at]
        return values


def _series(values: Array, null: Array, kind: Kind) -> Series:
    values[null] = None if values.dtype.kind in "OmM" else 0
    if kind.dtype.startswith("Int"):
        return Series(pd.arrays.IntegerArray(values, null))
    if kind.dtype == "boolean":
        return Series(pd.arrays.BooleanArray(values, null))
    return Series(values, dtype=kind.dtype, copy=False)


def _required_long(field: Field) -> Array:
    if field.null.any():
        raise corrupt(f"{field.name}: a field is null that never is")
    return field.read_exactly(LONG_WIRE).astype(np.int64)


def _names_of_misfits(misfits: dict[str, Array], rows: int) -> Series:
    names: list[list[str]] = [[] for _ in range(rows)] if misfits else []
    for name, misfit in misfits.items():
        for row in np.flatnonzero(misfit):
            names[row].append(name)
    return Series([",".join(each) or None for each in names] or [None] * rows, dtype="str")
