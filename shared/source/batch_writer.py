"""Write the parts of one batch while its rows are read."""

from datetime import datetime
from typing import NamedTuple

import pandas as pd

from shared.aws.bucket import Bucket
from shared.catalogue import UPDATED, SourceTable
from shared.frames import Frame
from shared.lake import keys, parquet
from shared.lake.documents import Part


class BatchLocation(NamedTuple):
    """The record that names the parts: their keys follow from it. `taken_at` is its snapshot's time."""

    run: int
    attempt: str
    taken_at: datetime


class BatchWriter:
    """Writes a part for each frame.

    `written` are the parts. `newest_change_at` is the newest last_updated in them, and None when there is none. Times
    before Christ and after the year 9999, which no datetime holds, are left out of it.
    """

    def __init__(self, bucket: Bucket, table: SourceTable, location: BatchLocation) -> None:
        self._bucket, self._table, self._location = bucket, table, location
        self.written: list[Part] = []
        self.newest_change_at: datetime | None = None

    def add(self, frame: Frame) -> None:
        """Write a frame of the table's batch_columns."""
        self._note_newest_change(frame)
        self.written.append(self._write(frame))

    def _note_newest_change(self, frame: Frame) -> None:
        if UPDATED.name not in frame:
            return
        times = frame[UPDATED.name]
        newest = times[times.between(datetime.min, datetime.max)].max()
        # NaT where there are no rows, or only nulls.
        if not pd.isna(newest):
            self.newest_change_at = max(filter(None, (self.newest_change_at, pd.Timestamp(newest).to_pydatetime())))

    def _write(self, frame: Frame) -> Part:
        body = parquet.encode(frame, self._table.batch_columns)
        sha256 = keys.content_hash(body)
        run, attempt, taken_at = self._location
        number = len(self.written)
        key = keys.batch_part_key(self._table.name, taken_at, run, attempt, number, sha256)
        self._bucket.create(key, body)
        return Part(key=key, sha256=sha256, rows=len(frame), bytes=len(body))
