"""Each kind's values in PostgreSQL's binary COPY format, all rows of a column at a time. Pure."""

from typing import Protocol

import numpy as np
import pandas as pd

from shared.columns import Boolean, Date, Decimal, Integer, Kind, Text, Time, Timestamp
from shared.frames import Series
from shared.postgres.wire import (
    BOOLEAN_WIRE,
    EPOCH_DAYS,
    EPOCH_US,
    INTEGER_WIRE,
    LONG_WIRE,
    NEGATIVE,
    NUMERIC_HEADER,
    POSITIVE,
    Array,
    Decoded,
    Field,
    Texts,
    Values,
    numeric_wire,
)

LAST_DAY = np.iinfo(np.int64).max // 86_400_000_000  # the last whole one of datetime64[us], since 1970
BASE_DIGITS = 4  # decimal digits in one of a numeric's own, which are of base 10,000


class Codec(Protocol):
    """Reads and writes one kind. `decode` marks the values that the kind cannot hold; what it returns there is void."""

    def encode(self, series: Series) -> Values | Texts: ...

    def decode(self, field: Field) -> Decoded: ...


class IntegerCodec:
    def encode(self, series: Series) -> Values:
        return Values(series.to_numpy(INTEGER_WIRE, na_value=0), series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        return field.read_exactly(INTEGER_WIRE).astype(np.int32), _nowhere(field)


class BooleanCodec:
    def encode(self, series: Series) -> Values:
        return Values(series.to_numpy(BOOLEAN_WIRE, na_value=False), series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        return field.read_exactly(BOOLEAN_WIRE) != 0, _nowhere(field)


class TimeCodec:
    """24:00:00 is a time in PostgreSQL; it becomes a timedelta of one day."""

    def encode(self, series: Series) -> Values:
        return Values(series.to_numpy().astype(LONG_WIRE), series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        return field.read_exactly(LONG_WIRE).astype("timedelta64[us]"), _nowhere(field)


class TimestampCodec:
    def encode(self, series: Series) -> Values:
        since_1970 = series.to_numpy().astype(np.int64)
        return Values((since_1970 - EPOCH_US).astype(LONG_WIRE), series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        since_2000 = field.read_exactly(LONG_WIRE).astype(np.int64)
        limits = np.iinfo(np.int64)
        misfit = (since_2000 == limits.min) | (since_2000 > limits.max - EPOCH_US)
        since_1970 = np.where(misfit, 0, since_2000) + EPOCH_US
        return since_1970.view("datetime64[us]"), misfit & ~field.null


class DateCodec:
    def encode(self, series: Series) -> Values:
        since_1970 = series.to_numpy().astype("datetime64[D]").astype(np.int64)
        return Values((since_1970 - EPOCH_DAYS).astype(INTEGER_WIRE), series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        days = field.read_exactly(INTEGER_WIRE).astype(np.int64) + EPOCH_DAYS
        # The earliest date is in 4713 BC, so what is further back is -infinity.
        misfit = abs(days) > LAST_DAY
        return np.where(misfit, 0, days).astype("datetime64[D]").astype("datetime64[us]"), misfit & ~field.null


class DecimalCodec:
    """A numeric: digits of base 10,000, the first worth 10,000 ** weight.

    `_units` is the worth of each possible digit, the highest first, as a power of ten in units of the last decimal
    place: below 0 the digit has places that the kind does not have.
    """

    def __init__(self, kind: Decimal) -> None:
        whole = kind.precision - kind.scale
        before, after = -(-whole // BASE_DIGITS), -(-kind.scale // BASE_DIGITS)
        self._scale, self._after, self._weight = kind.scale, after, before - 1
        self._units = [BASE_DIGITS * weight + kind.scale for weight in range(before - 1, -after - 1, -1)]
        self._wire = numeric_wire(before + after)
        # The highest digit is shorter than four decimal ones unless these are a multiple of four.
        self._first_limit = 10 ** (whole - BASE_DIGITS * (before - 1)) if whole % BASE_DIGITS else None

    def encode(self, series: Series) -> Values:
        """Return all possible digits: PostgreSQL removes the zeros before and after."""
        number = series.to_numpy(np.int64, na_value=0)
        values = np.empty(len(series), self._wire)
        values["count"], values["weight"], values["scale"] = len(self._units), self._weight, self._scale
        values["sign"] = np.where(number < 0, NEGATIVE, POSITIVE)
        digits, rest = values["digits"], abs(number)
        for place, unit in enumerate(self._units):
            if unit >= 0:
                digits[:, place], rest = np.divmod(rest, 10**unit)
            else:
                digits[:, place] = rest * 10**-unit
        return Values(values, series.isna().to_numpy())

    def decode(self, field: Field) -> Decoded:
        wire = field.read(self._wire)
        count, weight, digits = (wire[part].astype(np.int64) for part in ("count", "weight", "digits"))
        field.expect_length(NUMERIC_HEADER + 2 * count)
        fits = np.isin(wire["sign"], (POSITIVE, NEGATIVE))
        fits &= (count == 0) | (weight <= self._weight) & (count <= weight + 1 + self._after)
        number = np.zeros(len(wire), np.int64)
        for rank, unit in enumerate(self._units):
            place = weight - self._weight + rank
            digit = np.take_along_axis(digits, place.clip(0, len(self._units) - 1)[:, None], axis=1)[:, 0]
            digit = np.where((place >= 0) & (place < count), digit, 0)
            if rank == 0 and self._first_limit:
                fits &= digit < self._first_limit
            if unit < 0:
                digit, rest = np.divmod(digit, 10**-unit)
                fits &= rest == 0
            number += digit * 10 ** max(unit, 0)
        return np.where(wire["sign"] == NEGATIVE, -number, number), ~fits & ~field.null


class TextCodec:
    def encode(self, series: Series) -> Texts:
        null = series.isna().to_numpy()
        texts = np.array(series, dtype=object)
        texts[null] = ""
        encoded = [text.encode() for text in texts]
        length = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return Texts(np.frombuffer(b"".join(encoded), np.uint8), length, null)

    def decode(self, field: Field) -> Decoded:
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


CODECS: dict[type[Kind], Codec] = {
    Integer: IntegerCodec(),
    Boolean: BooleanCodec(),
    Text: TextCodec(),
    Date: DateCodec(),
    Time: TimeCodec(),
    Timestamp: TimestampCodec(),
}


def codec_of(kind: Kind) -> Codec:
    """Return the codec of a kind."""
    return DecimalCodec(kind) if isinstance(kind, Decimal) else CODECS[type(kind)]


def _text_or_none(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _nowhere(field: Field) -> Array:
    return np.zeros(len(field.start), bool)
