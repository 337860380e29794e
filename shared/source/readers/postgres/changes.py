"""Which part of a PostgreSQL table a run must read, and where the next run continues: decisions without I/O."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from shared.catalogue import SourceTable
from shared.lake.documents import PostgresCursor
from shared.source.readers.postgres.live import LiveTable

# Beyond so many ids the set costs more than the rows that it saves: they are read again, and the loader, which
# compares, drops them. The most ever seen in a stress test of eight writers was 598.
MAX_TRACKED_XIDS = 50_000

# age() tells 2**31 ids apart, counted from the newest id, which may be newer than the snapshot: half of it is safe.
MAX_XID_AGE = 2**30


class SnapshotInfo(NamedTuple):
    """The snapshot of a run, and its server.

    `server` is when the server was started. `lsn` is how far its WAL was written, None on a standby. `wal_problem` says
    why a server that writes cannot report that.
    """

    taken_at: datetime
    xmin: int
    xmax: int
    server: str
    lsn: int | None = None
    wal_problem: str | None = None


class KeyStats(NamedTuple):
    """What the delete detector counted: all keys, and those up to the cursor's highest key."""

    rows: int
    checksum: int
    max_key: int | None
    old_rows: int
    old_checksum: int


def difference(table: SourceTable, live: LiveTable | None) -> str | None:
    """Return how the live table differs from the catalogue in a way that forbids reading it; None when it does not.

    A column that the catalogue does not have does not forbid it.
    """
    if live is None:
        return f"table {table.name} is not there"
    if live.unfit:
        return _unfit(table, *live.unfit[0])
    types = dict(live.columns)
    for column in table.columns:
        if column.name not in types:
            return f"column {table.name}.{column.name} is missing"
        if not column.kind.holds_source_type(types[column.name]):
            return f"column {table.name}.{column.name} is {types[column.name]}, not {column.kind}"
    return None


def _unfit(table: SourceTable, relation: str, kind: str, storage: str | None) -> str:
    subject = f"table {table.name}" if relation == table.name else f"{relation}, a part of table {table.name},"
    what = f"stored by {storage}, not as a heap" if kind == "r" else RELATIONS.get(kind, f"of kind {kind}")
    return f"{subject} is {what}, whose rows do not show which transaction made them"


RELATIONS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "c": "a composite type",
    "i": "an index",
    "I": "an index",
}
"""What has a table's name and is no table, by pg_class.relkind."""


def reason_for_full(cursor: PostgresCursor, snapshot: SnapshotInfo, live: LiveTable) -> str | None:
    """Return why the cursor says nothing about this table as it is now; None when a delta can be read."""
    if cursor.server != snapshot.server:
        return "the server was restarted, or is another one"
    if (cursor.oid, cursor.relfilenode) != (live.oid, live.relfilenode):
        return "the table was recreated or rewritten"
    if cursor.columns != live.fingerprint:
        return "its columns changed"
    if cursor.taken_from is None:
        return "read by a version that did not record what it read from"
    for part, reason in TAKEN_FROM.items():
        if cursor.taken_from.get(part) != live.taken_from[part]:
            return reason
    if not 0 <= snapshot.xmax - cursor.xmin < MAX_XID_AGE:
        return "transaction ids wrapped around, or went back"
    return None


TAKEN_FROM = {
    "database": "it is in another database",
    "login": "another login reads it",
    "relations": "a relation that holds its rows was added, removed or rewritten",
    "columns": "its columns changed",
    "types": "a type of its columns changed",
    "policies": "its row-level security changed",
    "masks": "its security labels, or its reader's, changed",
}
"""Each part of LiveTable.taken_from, and the reason that is given when it is another one."""


def keys_are_gone(cursor: PostgresCursor, keys: KeyStats) -> bool:
    """Return whether the keys up to the cursor's highest key are no longer the same set.

    A key that committed late, below the highest, is a false alarm: it costs one full read.
    """
    return (keys.old_rows, keys.old_checksum) != (cursor.count, cursor.checksum)


def keys_of(cursor: PostgresCursor) -> KeyStats:
    """Return what the run that made the cursor counted: for a run that leaves deletions to a later one."""
    return KeyStats(cursor.count, cursor.checksum, cursor.max_key, cursor.count, cursor.checksum)


def next_cursor(
    cursor: PostgresCursor | None,
    snapshot: SnapshotInfo,
    live: LiveTable,
    keys: KeyStats,
    xids: Iterable[int],
    read_for: dict[str, str],
) -> PostgresCursor:
    """Return where the next run starts. `cursor` is None after a full read; `xids` are those of the rows just read."""
    before: Collection[int] = cursor.seen if cursor else ()
    seen = sorted({xid for source in (before, xids) for xid in source if xid >= snapshot.xmin})
    return PostgresCursor(
        server=snapshot.server,
        xmin=snapshot.xmin,
        seen=tuple(seen) if len(seen) <= MAX_TRACKED_XIDS else (),
        oid=live.oid,
        relfilenode=live.relfilenode,
        columns=live.fingerprint,
        count=keys.rows,
        checksum=keys.checksum,
        max_key=keys.max_key,
        read_for=read_for,
        taken_from=dict(live.taken_from),
        looked_at=snapshot.taken_at,
    )


def flush_target(lsn: int) -> int:
    """Return the position of the WAL that must be flushed before a run at `lsn` may be committed.

    A position just behind the header of an 8 kB page is rounded down to the page: an idle server flushes no further
    than the end of the last page.
    """
    return lsn - lsn % 8192 if lsn % 8192 <= 40 else lsn
