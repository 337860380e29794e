"""Which part of a table a run must read, and where the next run goes on: decisions without I/O."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from shared.catalogue import SourceTable
from shared.columns import Kind
from shared.lake.documents import Cursor, Snapshot
from shared.source.live import Live
from shared.warehouse.registry import Target

# Past so many ids the set costs more than the rows it spares: they are read again, and the loader, which
# compares, drops them. The most ever seen in a stress of eight writers was 598.
MOST_SEEN = 50_000

# age() tells 2**31 ids apart, counted from the newest, which may be younger than the snapshot: half is safe.
FURTHEST_AGO = 2**30


class KeyStats(NamedTuple):
    """What the delete detector counted: all keys, and those up to the cursor's maximum."""

    rows: int
    checksum: int
    max_key: int | None
    old_rows: int
    old_checksum: int


def difference(table: SourceTable, live: Live | None) -> str | None:
    """How the live table differs from its contract in a way that forbids reading it; None when it does not.

    A column that the contract does not know is no hindrance.
    """
    if live is None:
        return f"table {table.name} is not there"
    if live.unfit:
        return _unfit(table, *live.unfit[0])
    types = dict(live.columns)
    for column in table.columns:
        if column.name not in types:
            return f"column {table.name}.{column.name} is missing"
        if not _holds(column.kind, types[column.name]):
            return f"column {table.name}.{column.name} is {types[column.name]}, not {column.kind}"
    return None


def undeclared(table: SourceTable, live: Live) -> list[str]:
    """The live columns that the contract does not know."""
    declared = {column.name for column in table.columns}
    return [name for name, _ in live.columns if name not in declared]


def _unfit(table: SourceTable, relation: str, kind: str, storage: str | None) -> str:
    subject = f"table {table.name}" if relation == table.name else f"{relation}, a part of table {table.name},"
    what = f"stored by {storage}, not as a heap" if kind == "r" else RELATIONS.get(kind, f"of kind {kind}")
    return f"{subject} is {what}, whose rows do not tell which transaction made them"


RELATIONS = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "c": "a composite type",
    "i": "an index",
    "I": "an index",
}
"""pg_class.relkind, of what bears a table's name and is none."""


def _holds(kind: Kind, live: str) -> bool:
    if kind == Kind.MONEY:
        found = re.fullmatch(r"numeric\((\d+),(\d+)\)", live)
        return found is not None and int(found[2]) <= 2 and int(found[1]) - int(found[2]) <= 8
    return re.fullmatch(LIVE_TYPES[kind], live) is not None


LIVE_TYPES = {
    Kind.INTEGER: r"integer",
    Kind.BOOLEAN: r"boolean",
    Kind.TEXT: r"text|enum|character varying(\(\d+\))?",
    Kind.TIMESTAMP: r"timestamp(\(\d\))? without time zone",
}


def purposes(table: SourceTable, targets: Mapping[str, Target]) -> dict[str, str]:
    """What the table is read for now: Cursor.read_for."""
    made_of_it = {target.name: target.fingerprint for target in targets.values() if table.name in target.sources}
    return {table.name: table.fingerprint, **made_of_it}


def reason_for_full(
    cursor: Cursor | None, snapshot: Snapshot, server: str, live: Live, read_for: Mapping[str, str]
) -> str | None:
    """Why the cursor says nothing about this table as it is now, or too little for what it is read for now; None
    when a delta can be told."""
    if cursor is None:
        return "first read"
    if cursor.server != server:
        return "the server was started anew, or is another one"
    if (cursor.oid, cursor.relfilenode) != (live.oid, live.relfilenode):
        return "the table was made anew or rewritten"
    if cursor.columns != live.fingerprint:
        return "its columns changed"
    if cursor.taken_from is None:
        return "read by a version that did not say from what"
    for part, reason in TAKEN_FROM.items():
        if cursor.taken_from.get(part) != live.taken_from[part]:
            return reason
    if not 0 <= snapshot.xmax - cursor.xmin < FURTHEST_AGO:
        return "transaction ids went round, or back"
    return _new_purpose(cursor.read_for, read_for)


TAKEN_FROM = {
    "database": "it is in another database",
    "login": "another login reads it",
    "relations": "a relation that holds its rows came, went or was rewritten",
    "columns": "its columns changed",
    "types": "a type of its columns changed",
    "policies": "its row-level security changed",
    "masks": "its security labels, or its reader's, changed",
}
"""Each part of Live.taken_from, and what is told when it is another one."""


def _new_purpose(before: Mapping[str, str] | None, now: Mapping[str, str]) -> str | None:
    if before is None:
        return "read by a version that did not say for what"
    for name, declaration in now.items():
        if name not in before:
            return f"warehouse table {name} is new"
        if before[name] != declaration:
            return f"the declaration of {name} changed"
    return None


def keys_are_gone(cursor: Cursor, keys: KeyStats) -> bool:
    """Whether the keys up to the old maximum are no longer the same set.

    A key that committed late, below the maximum, is a false alarm: it costs one full read.
    """
    return (keys.old_rows, keys.old_checksum) != (cursor.count, cursor.checksum)


def keys_of(cursor: Cursor) -> KeyStats:
    """What the cursor's own run has counted: of a run that leaves it to a later one to find what was deleted."""
    return KeyStats(cursor.count, cursor.checksum, cursor.max_key, cursor.count, cursor.checksum)


def next_cursor(
    cursor: Cursor | None,
    snapshot: Snapshot,
    server: str,
    live: Live,
    keys: KeyStats,
    xids: Iterable[int],
    read_for: dict[str, str],
) -> Cursor:
    """Where the next run starts. `cursor` is None after a full read; `xids` are of the rows just read."""
    before: Collection[int] = cursor.seen if cursor else ()
    seen = sorted({xid for source in (before, xids) for xid in source if xid >= snapshot.xmin})
    return Cursor(
        server=server,
        xmin=snapshot.xmin,
        seen=tuple(seen) if len(seen) <= MOST_SEEN else (),
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
    """The byte of the WAL that must be flushed before a run at `lsn` may be committed.

    A position just behind the header of an 8 kB page is rounded down to the page: an idle server flushes no
    further than the end of the last page.
    """
    return lsn - lsn % 8192 if lsn % 8192 <= 40 else lsn
