"""Frames -> PostgreSQL's binary COPY format, all rows of a column at a time. Pure: bytes and frames only."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from shared.columns import Column, Kind
from shared.errors import Refused
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

# of one message out: pg8000 takes its time per message, memory per byte
ROWS_PER_BLOCK, BYTES_PER_BLOCK = 8_192, 3_000_000
MONEY_LIMIT = 10**10  # numeric(10,2), in hundredths


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
    at_every_byte(out, COUNT_WIRE)[at] = len(fields)
    at += 2
    for field in fields:
        at_every_byte(out, LENGTH_WIRE)[at] = np.where(field.null, -1, field.length)
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
        at_every_byte(out, self.values.dtype)[at[there]] = self.values[there]


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
            at_every_byte(out, text)[at[rows]] = at_every_byte(self.data, text)[start[rows]]


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
