"""Frames -> PostgreSQL's binary COPY format, all rows of a column at a time. Pure: bytes and frames only."""

from collections.abc import Iterator, Sequence

import numpy as np

from shared.columns import Column
from shared.frames import Frame, refuse_misfits
from shared.postgres.codecs import codec_of
from shared.postgres.wire import COUNT_WIRE, HEADER, LENGTH_WIRE, TRAILER, Array, Texts, Values, at_every_byte

# Limits of one message to the server: pg8000 costs time per message, and memory per byte.
ROWS_PER_BLOCK, BYTES_PER_BLOCK = 8_192, 3_000_000


def encode(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    """Return the blocks for COPY … FROM STDIN (FORMAT binary): the header, whole rows, the trailer.

    A block of rows has 3 MB at most, or one row that is longer. Raises Refused before the first block: refuse_misfits.
    """
    refuse_misfits(frame, columns)
    return _blocks(frame, columns)


def _blocks(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    yield HEADER
    for start in range(0, len(frame), ROWS_PER_BLOCK):
        yield from _encoded_rows(frame.iloc[start : start + ROWS_PER_BLOCK], columns)
    yield TRAILER


def _encoded_rows(frame: Frame, columns: Sequence[Column]) -> Iterator[bytes]:
    """Yield one block; more where texts are so long that one would be too large."""
    fields = [codec_of(column.kind).encode(frame[column.name]) for column in columns]
    size = 2 + sum((4 + field.length for field in fields), np.zeros(len(frame), np.int64))
    if size.sum() > BYTES_PER_BLOCK and len(frame) > 1:
        del fields  # as large as the rows themselves
        middle = len(frame) // 2
        yield from _encoded_rows(frame.iloc[:middle], columns)
        yield from _encoded_rows(frame.iloc[middle:], columns)
    else:
        yield _laid_out(fields, size)


def _laid_out(fields: Sequence[Values | Texts], size: Array) -> bytes:
    at = np.cumsum(size) - size
    out = np.empty(size.sum(), np.uint8)
    at_every_byte(out, COUNT_WIRE)[at] = len(fields)
    at += 2
    for field in fields:
        at_every_byte(out, LENGTH_WIRE)[at] = np.where(field.null, -1, field.length)
        field.write(out, at + 4)
        at += 4 + field.length
    return out.tobytes()
