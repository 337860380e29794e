"""PostgreSQL's binary COPY format <-> frames, all rows of a column at a time. Pure: bytes and frames only.

What travels is a header of 19 bytes, rows, and a trailer of 2. A row is a 16-bit count of its fields
and then, for each field, a 32-bit length (-1: null) and that many bytes, everything big-endian.
numpy reads and writes a field of all rows at once: see `_at_every_byte`.

A value that PostgreSQL has and the column's kind has not (NaN, infinity, more digits than money has,
a year past 294246, text that is not UTF-8) becomes null, and the row's extra text column
`_unreadable` names its column; so one such value never stops the rows around it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from shared.columns import DTYPES, Column, Frame, Kind, Series
from shared.errors import CorruptObject, Refused

UNREADABLE = "_unreadable"

Array = NDArray[Any]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ROWS_PER_FRAME = 50_000  # more costs memory and gains no time
BYTES_PER_FRAME = 16 << 20  # a text may be 10 MB, so rows alone bound nothing
# of one message out: pg8000 takes its time per message, memory per byte
ROWS_PER_BLOCK, BYTES_PER_BLOCK = 8_192, 3_000_000

EPOCH_DAYS = 10_957  # PostgreSQL counts from 2000, pandas from 1970
EPOCH_US = EPOCH_DAYS * 86_400_000_000
LAST_DAY = np.iinfo(np.int64).max // 86_400_000_000  # the last whole one of datetime64[us], since 1970
MONEY_LIMIT = 10**10  # numeric(10,2), in hundredths
POSITIVE, NEGATIVE = 0, 0x4000  # a numeric's sign; any other is NaN or an infinity

INTEGER_WIRE, LONG_WIRE, BOOLEAN_WIRE = ">i4", ">i8", "u1"
# ndigits, weight, sign, dscale, then digits in base 10,000; three hold any numeric(10,2)
MONEY_WIRE = np.dtype([("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), ("digits", ">i2", 3)])
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
        rows, self._rows, self._size = self._rows, [], 0
        frame = decode(b"".join(rows), [len(row) for row in rows], self._columns, extra_int8=self._extra_int8)
        self._on_frame(frame)


# ---- rows -> frame


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
        values: Array = _at_every_byte(self.data, wire)[self.start]
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
        if (self._read(">i2") != fields).any():
            raise _corrupt(f"a row has not {fields} fields")
        self._at += 2

    def next_field(self, name: str) -> _Field:
        length = self._read(">i4").astype(np.int64)
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
        values: Array = _at_every_byte(self._data, wire)[self._at]
        return values


def _at_every_byte(data: bytes | Array, wire: DTypeLike) -> Array:
    """`data` seen as one `wire` value at each of its bytes, overlapping and not copied: indexed with
    an array of places, it reads (or is given) the values that begin there."""
    dtype: np.dtype[Any] = np.dtype(wire)
    return np.ndarray(max(len(data) - dtype.itemsize + 1, 0), dtype, data, strides=(1,))


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


# ---- frame -> rows


def encode(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    """Blocks for COPY … FROM STDIN (FORMAT binary): the header, whole rows of 3 MB at most
    (or one that is longer), the trailer.

    Refused, before the first block, when a column has not the dtype of its kind or money has more
    than ten digits: an error in the midst of a COPY would cost the connection.
    """
    for column in columns:
        _refuse_misfits(frame[column.name], column)
    return _blocks(frame, columns)


def _refuse_misfits(series: Series, column: Column) -> None:
    if series.dtype != DTYPES[column.kind] and not (column.kind is Kind.TEXT and _holds_only_text(series)):
        raise Refused(f"{column.name}: {series.dtype} is not how {column.kind} is held")
    if column.kind is Kind.MONEY and not series.dropna().between(-MONEY_LIMIT, MONEY_LIMIT, "neither").all():
        raise Refused(f"{column.name}: an amount has more digits than numeric(10,2)")


def _holds_only_text(series: Series) -> bool:
    return pd.api.types.infer_dtype(series, skipna=True) in ("string", "empty")


def _blocks(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    yield HEADER
    for start in range(0, len(frame), ROWS_PER_BLOCK):
        yield from _encoded_rows(frame.iloc[start : start + ROWS_PER_BLOCK], columns)
    yield TRAILER


def _encoded_rows(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    """One block; more where texts are so long that one would be too large."""
    fields = [ENCODERS[column.kind](frame[column.name]) for column in columns]
    size = 2 + sum((4 + field.length for field in fields), np.zeros(len(frame), np.int64))
    if size.sum() > BYTES_PER_BLOCK and len(frame) > 1:
        del fields  # as large as the rows themselves
        middle = len(frame) // 2
        yield from _encoded_rows(frame.iloc[:middle], columns)
        yield from _encoded_rows(frame.iloc[middle:], columns)
    else:
        yield _laid_out(fields, size)


def _laid_out(fields: Sequence["_Values | _Texts"], size: Array) -> bytes:
    at = np.cumsum(size) - size
    out = np.empty(size.sum(), np.uint8)
    _at_every_byte(out, ">i2")[at] = len(fields)
    at += 2
    for field in fields:
        _at_every_byte(out, ">i4")[at] = np.where(field.null, -1, field.length)
        field.write(out, at + 4)
        at += 4 + field.length
    return out.tobytes()


class _Values(NamedTuple):
    """A field of one width for every row that has it."""

    values: Array
    null: Array

    @property
    def length(self) -> Array:
        return np.where(self.null, 0, self.values.dtype.itemsize)

    def write(self, out: Array, at: Array) -> None:
        there = ~self.null
        _at_every_byte(out, self.values.dtype)[at[there]] = self.values[there]


class _Texts(NamedTuple):
    """A field of many lengths; null has none."""

    data: Array
    length: Array
    null: Array

    def write(self, out: Array, at: Array) -> None:
        """All texts of one length at a time: most columns have few lengths."""
        start = np.cumsum(self.length) - self.length
        for length in np.unique(self.length[self.length > 0]).tolist():
            rows, text = np.flatnonzero(self.length == length), f"V{length}"
            _at_every_byte(out, text)[at[rows]] = _at_every_byte(self.data, text)[start[rows]]


def _encoded_integer(series: Series) -> _Values:
    return _Values(series.to_numpy(INTEGER_WIRE, na_value=0), series.isna().to_numpy())


def _encoded_boolean(series: Series) -> _Values:
    return _Values(series.to_numpy(BOOLEAN_WIRE, na_value=False), series.isna().to_numpy())


def _encoded_time(series: Series) -> _Values:
    return _Values(series.to_numpy().astype(LONG_WIRE), series.isna().to_numpy())


def _encoded_timestamp(series: Series) -> _Values:
    since_1970 = series.to_numpy().astype(np.int64)
    return _Values((since_1970 - EPOCH_US).astype(LONG_WIRE), series.isna().to_numpy())


def _encoded_date(series: Series) -> _Values:
    since_1970 = series.to_numpy().astype("datetime64[D]").astype(np.int64)
    return _Values((since_1970 - EPOCH_DAYS).astype(INTEGER_WIRE), series.isna().to_numpy())


def _encoded_money(series: Series) -> _Values:
    """Always three digits of base 10,000: PostgreSQL takes off the zeros before and after."""
    hundredths = series.to_numpy(np.int64, na_value=0)
    values = np.empty(len(series), MONEY_WIRE)
    values["count"], values["weight"], values["scale"] = 3, 1, 2
    values["sign"] = np.where(hundredths < 0, NEGATIVE, POSITIVE)
    whole, rest = np.divmod(abs(hundredths), 100)
    values["digits"] = np.stack([whole // 10_000, whole % 10_000, rest * 100], axis=1)
    return _Values(values, series.isna().to_numpy())


def _encoded_text(series: Series) -> _Texts:
    null = series.isna().to_numpy()
    texts = np.array(series, dtype=object)
    texts[null] = ""
    encoded = [text.encode() for text in texts]
    length = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return _Texts(np.frombuffer(b"".join(encoded), np.uint8), length, null)


ENCODERS: dict[Kind, Callable[[Series], _Values | _Texts]] = {
    Kind.INTEGER: _encoded_integer,
    Kind.MONEY: _encoded_money,
    Kind.BOOLEAN: _encoded_boolean,
    Kind.TEXT: _encoded_text,
    Kind.DATE: _encoded_date,
    Kind.TIME: _encoded_time,
    Kind.TIMESTAMP: _encoded_timestamp,
}


def _corrupt(problem: str) -> CorruptObject:
    return CorruptObject("binary COPY", problem)
