"""The parts of one batch, written while they are read."""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from shared.aws.bucket import Bucket
from shared.catalogue import UPDATED, SourceTable
from shared.columns import TOO_LONG, UNREADABLE
from shared.frames import Frame, Series
from shared.lake import keys, parquet
from shared.lake.documents import Part, Snapshot
from shared.source import sql


class PartLocation(NamedTuple):
    """Whose parts they are."""

    run: int
    attempt: str
    snapshot: Snapshot


class Parts:
    """`xids` are the transaction ids that the next cursor must know; `newest_change_at` is the newest last_updated that
    a datetime can hold: no age is measured by one before Christ or after the year 9999.
    """

    def __init__(self, bucket: Bucket, table: SourceTable, place: PartLocation) -> None:
        self._bucket, self._table, self._place = bucket, table, place
        self.written: list[Part] = []
        self.xids: set[int] = set()
        self.newest_change_at: datetime | None = None

    def add(self, frame: Frame) -> None:
        xids = frame.pop(sql.XID)
        self.xids.update(xids[xids >= self._place.snapshot.xmin].unique().tolist())
        self._name_too_long(frame)
        self._see_changes(frame)
        self.written.append(self._write(frame))

    def _name_too_long(self, frame: Frame) -> None:
        """Add the texts that were left out for their length to the row's unreadable columns."""
        bits = frame.pop(sql.TOO_LONG)
        if not bits.any():
            return
        unreadable = [[names] if isinstance(names, str) else [] for names in frame[UNREADABLE]]
        for place, column in enumerate(self._table.texts):
            for row in np.flatnonzero(bits & 1 << place):
                unreadable[row].append(column.name + TOO_LONG)
        frame[UNREADABLE] = Series([",".join(names) or None for names in unreadable], dtype="str")

    def _see_changes(self, frame: Frame) -> None:
        if UPDATED.name not in frame:
            return
        times = frame[UPDATED.name]
        newest = times[times.between(datetime.min, datetime.max)].max()
        # Of no rows, and of nulls alone, there is none.
        if not pd.isna(newest):
            self.newest_change_at = max(filter(None, (self.newest_change_at, pd.Timestamp(newest).to_pydatetime())))

    def _write(self, frame: Frame) -> Part:
        body = parquet.encode(frame, self._table.batch_columns)
        sha256 = keys.content_hash(body)
        run, attempt, snapshot = self._place
        number = len(self.written)
        key = keys.batch_part_key(self._table.name, snapshot.taken_at, run, attempt, number, sha256)
        self._bucket.create(key, body)
        return Part(key=key, sha256=sha256, rows=len(frame), bytes=len(body))
