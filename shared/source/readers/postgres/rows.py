"""The rows of one PostgreSQL table that a run must read, and the cursor after them."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec.structs import replace

from shared.catalogue import SourceTable
from shared.columns import TOO_LONG, UNREADABLE
from shared.frames import Frame, Series
from shared.lake.documents import PostgresCursor
from shared.postgres.connection import Connection
from shared.postgres.decoding import FrameSink
from shared.source.readers.postgres import sql
from shared.source.readers.postgres.changes import KeyStats, SnapshotInfo, next_cursor
from shared.source.readers.postgres.live import LiveTable


class Draining:
    """Passes a COPY's rows to `sink` until it raises, and discards the rest.

    An error in the midst of a COPY would end the connection, and with it the reading of every other table.
    """

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._error: Exception | None = None

    def write(self, data: bytes) -> None:
        if self._error:
            return
        try:
            self._sink.write(data)
        except Exception as error:  # noqa: BLE001 - raised by close
            self._error = error

    def close(self) -> None:
        """Raise what `sink` raised, or close it."""
        if self._error:
            raise self._error
        self._sink.close()


class PostgresTableChanges:
    """What changed in one table since the cursor `since`, or all of it when that is None.

    `keys` go into the next cursor: what the delete detector counted now or, with `changed_only`, what it counted when
    `since` was made, so that what was deleted since then is still to be found.
    """

    def __init__(
        self,
        connection: Connection,
        table: SourceTable,
        snapshot: SnapshotInfo,
        live: LiveTable,
        since: PostgresCursor | None,
        keys: KeyStats,
        reason: str | None,
        changed_only: bool,
    ) -> None:
        self._connection, self._table, self._snapshot, self._live = connection, table, snapshot, live
        self._since, self._keys, self._changed_only = since, keys, changed_only
        self._xids: set[int] = set()
        self.reason = reason

    def count(self, keys: Sequence[int]) -> int:
        return int(self._connection.one(sql.count_changed(self._table, self._snapshot, self._since, keys))[0])

    def read(self, keys: Sequence[int], on_frame: Callable[[Frame], None]) -> None:
        table, since = self._table, self._since
        statement = (
            sql.copy_changed(table, self._snapshot, since, keys) if since else sql.copy_all(table, self._snapshot)
        )

        def deliver(frame: Frame) -> None:
            self._note_xids(frame)
            name_too_long(frame, table)
            on_frame(frame)

        sink = Draining(FrameSink(table.columns, deliver, extra_int8=[sql.XID, sql.TOO_LONG]))
        self._connection.copy_out(statement, sink)
        sink.close()

    def next_cursor(self, read_for: dict[str, str]) -> PostgresCursor:
        since = self._since
        after = next_cursor(since, self._snapshot, self._live, self._keys, self._xids, read_for)
        return replace(after, looked_at=since.looked_at) if since and self._changed_only else after

    def _note_xids(self, frame: Frame) -> None:
        """Keep the transaction ids that a later run may meet again."""
        xids = frame.pop(sql.XID)
        self._xids.update(xids[xids >= self._snapshot.xmin].unique().tolist())


def name_too_long(frame: Frame, table: SourceTable) -> None:
    """Add the texts that were left out for their length, from sql.TOO_LONG, to the rows' unreadable columns."""
    bits = frame.pop(sql.TOO_LONG)
    if not bits.any():
        return
    unreadable = [[names] if isinstance(names, str) else [] for names in frame[UNREADABLE]]
    for place, column in enumerate(table.texts):
        for row in np.flatnonzero(bits & 1 << place):
            unreadable[row].append(column.name + TOO_LONG)
    frame[UNREADABLE] = Series([",".join(names) or None for names in unreadable], dtype="str")
