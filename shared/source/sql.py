"""The SQL of the extraction, as text. Integers are put in as literals because COPY takes no parameters."""

# ruff: noqa: S608 - every identifier goes through quoted(), every number is an int of our own making

import re
from collections.abc import Collection, Iterable, Sequence

from shared.catalogue import SourceTable
from shared.columns import LONGEST_TEXT, Column, Kind
from shared.lake.documents import Cursor, Snapshot
from shared.postgres.connection import literal, quoted
from shared.source.live import Live

XID = "xmin"
"""The column that COPY adds: the id of the transaction that made the row, widened to 64 bits. It has the name of a
system column because PostgreSQL gives that to no column of a table."""

TOO_LONG = "ctid"
"""The column that COPY adds last: a bit for each of SourceTable.texts, set where that text was too long to be sent."""

# Times come as microseconds since 1970: a text of them depends on the session's settings, a number on nothing.
SNAPSHOT = """
SELECT CAST(CAST(pg_snapshot_xmin(s) AS text) AS bigint),
       CAST(CAST(pg_snapshot_xmax(s) AS text) AS bigint),
       CAST(round(extract(epoch FROM clock_timestamp()) * 1000000) AS bigint),
       pg_is_in_recovery(),
       CAST(round(extract(epoch FROM pg_postmaster_start_time()) * 1000000) AS bigint)
FROM (SELECT pg_current_snapshot() AS s) AS now
"""

WRITTEN = "SELECT CAST(pg_current_wal_insert_lsn() - '0/0' AS bigint)"
FLUSHED = "SELECT CAST(pg_current_wal_flush_lsn() - '0/0' AS bigint)"

# A message that only this transaction's own WAL record carries, and that no subscriber is sent unless it asks for
# messages. `local` waits for this server's storage, not for standbys, which may be away.
COMMIT_DURABLY = """
BEGIN;
SET LOCAL synchronous_commit = 'local';
SELECT pg_logical_emit_message(true, 'totestream', '');
COMMIT
"""
COMMIT_AN_ID = "SELECT pg_current_xact_id()"
WAL_WRITER_DELAY_MS = "SELECT CAST(setting AS integer) FROM pg_settings WHERE name = 'wal_writer_delay'"


def begin(timeout_s: int) -> str:
    """One read-only snapshot for the whole run; `timeout_s` bounds each statement."""
    return f"""
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = '{timeout_s}s';
SET LOCAL lock_timeout = '5s';
SET LOCAL idle_in_transaction_session_timeout = '{timeout_s}s'
"""


def limit(seconds: float) -> str:
    """Cancels each later statement of the transaction that takes longer."""
    return f"SET LOCAL statement_timeout = '{max(int(seconds), 1)}s'"


def table_name(table: SourceTable) -> str:
    return f"public.{quoted(table.name)}"


def lock(tables: Iterable[SourceTable]) -> str:
    """Taken before the first SELECT: to an older snapshot, TRUNCATE and a rewriting ALTER look like no rows."""
    return f"LOCK TABLE {', '.join(map(table_name, tables))} IN ACCESS SHARE MODE"


def probe(table: SourceTable) -> str:
    """Refused where this login may not read every row of the table; reads none."""
    return f"SELECT xmin FROM {table_name(table)} LIMIT 0"


def way_in(table: SourceTable, live: Live) -> str:
    """What lets this login read every row of a table that is closed to it."""
    login, name = _shown(live.login), f"public.{_shown(table.name)}"
    if live.closed_by == "policy":
        return f"ALTER ROLE {login} BYPASSRLS, or ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"
    right = "USAGE ON SCHEMA public" if live.closed_by == "schema" else f"SELECT ON {name}"
    return f"GRANT {right} TO {login}"


def _shown(name: str) -> str:
    """As a person would write it: quoted only where it must be."""
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else quoted(name)


def copy_all(table: SourceTable, snapshot: Snapshot) -> str:
    return _copy(table, f"SELECT {_columns(table)}, {_widened(snapshot.xmax)} AS {XID} FROM {table_name(table)} t")


def copy_changed(table: SourceTable, snapshot: Snapshot, cursor: Cursor, keys: Sequence[int] = ()) -> str:
    return _copy(table, _changed(table, snapshot, cursor, keys))


def count_changed(table: SourceTable, snapshot: Snapshot, cursor: Cursor | None, keys: Sequence[int]) -> str:
    rows = f"({_changed(table, snapshot, cursor, keys)}) AS q" if cursor else table_name(table)
    return f"SELECT count(*) FROM {rows}"


def any_changed(table: SourceTable, snapshot: Snapshot, cursor: Cursor) -> str:
    return f"SELECT EXISTS ({_changed(table, snapshot, cursor)})"


def keys(table: SourceTable, old_max: int | None) -> str:
    """The delete detector: all keys, and those up to the old maximum, as count and checksum."""
    key = quoted(table.key)
    checksum = f"sum(CAST(hashint8(CAST({key} AS bigint)) AS bigint))"
    old = "false" if old_max is None else f"{key} <= {old_max}"
    return (
        f"SELECT count(*), coalesce({checksum}, 0), max({key}),"
        f" count(*) FILTER (WHERE {old}), coalesce({checksum} FILTER (WHERE {old}), 0)"
        f" FROM {table_name(table)}"
    )


def count_rows(table: SourceTable) -> str:
    return f"(SELECT count(*) FROM {table_name(table)})"


def count_values(table: SourceTable, column: str) -> str:
    return f"(SELECT count(DISTINCT {quoted(column)}) FROM {table_name(table)})"


def count_dates(tables: Collection[SourceTable]) -> str:
    """How many different days `tables` name, in timestamps and in texts that look like a date."""
    days = [
        f"SELECT {_day(column)} AS day FROM {table_name(table)}"
        for table in tables
        for column in table.columns
        if column.kind == Kind.TIMESTAMP or column.name.endswith("_date")
    ]
    return f"(SELECT count(DISTINCT day) FROM ({' UNION '.join(days)}) AS days)"


def _day(column: Column) -> str:
    """The day as a date; null where there is none: in an infinite time, and in a text that dim_date takes for none."""
    name = quoted(column.name)
    if column.kind == Kind.TIMESTAMP:
        return f"CASE WHEN isfinite({name}) THEN CAST({name} AS date) END"
    name = f"CAST({name} AS text)"
    year, month, day = (f"CAST(substr({name}, {at}, {length}) AS integer)" for at, length in ((1, 4), (6, 2), (9, 2)))
    # make_date raises an error for a day that never was, so it is counted from the month's first.
    first = f"make_date({year}, {month}, 1)"
    last = f"extract(day FROM {first} + interval '1 month' - interval '1 day')"
    # The length is asked first: it is known of a text of any size without reading it.
    like_a_date = f"{name} ~ '^(?!0000)[0-9]{{4}}-(0[1-9]|1[0-2])-[0-9]{{2}}$'"
    return (
        f"CASE WHEN octet_length({name}) <> 10 THEN NULL WHEN {like_a_date}"
        f" THEN CASE WHEN {day} BETWEEN 1 AND {last} THEN {first} + {day} - 1 END END"
    )


def _copy(table: SourceTable, rows: str) -> str:
    columns = ", ".join(_read(column) for column in table.columns)
    return f"COPY (SELECT {columns}, {XID}, {_too_long(table)} FROM ({rows}) AS q) TO STDOUT (FORMAT binary)"


def _columns(table: SourceTable) -> str:
    """Only the declared ones: the source may have others, of any name."""
    return ", ".join(f"t.{quoted(column.name)}" for column in table.columns)


def _read(column: Column) -> str:
    # Enums and varchars of any length travel as text, and a text that is too long does not travel at all.
    if column.kind == Kind.TEXT:
        return f"CASE WHEN NOT {_is_too_long(column)} THEN CAST({quoted(column.name)} AS text) END"
    return quoted(column.name)


def _too_long(table: SourceTable) -> str:
    bits = [
        f"CASE WHEN {_is_too_long(column)} THEN {1 << place} ELSE 0 END" for place, column in enumerate(table.texts)
    ]
    return f"CAST({' + '.join(bits) or '0'} AS bigint)"


def _is_too_long(column: Column) -> str:
    """The length of a text is known without reading it: also of one that is stored compressed, or in pieces."""
    return f"octet_length(CAST({quoted(column.name)} AS text)) > {LONGEST_TEXT}"


def _widened(xmax: int) -> str:
    """A row's 32-bit xmin as the greatest 64-bit id below the snapshot's xmax that it can stand for."""
    raw = "CAST(CAST(t.xmin AS text) AS bigint)"
    return f"{raw} + ((({xmax - 1} - {raw}) >> 32) << 32)"


def _changed(table: SourceTable, snapshot: Snapshot, cursor: Cursor, keys: Sequence[int] = ()) -> str:
    """The rows whose creating transaction the cursor's snapshot did not see, and those of `keys`; each once.

    age() is the cheap filter: it compares 32-bit ids on the circle they live on. The rest is exact.
    """
    seen = ",".join(map(str, cursor.seen))
    asked_for = f" OR {{}}{quoted(table.key)} IN ({','.join(map(str, keys))})" if keys else ""
    return (
        f"SELECT c.* FROM (SELECT {_columns(table)}, {_widened(snapshot.xmax)} AS {XID} FROM {table_name(table)} t"
        f" WHERE age(t.xmin) BETWEEN 0 AND age(CAST('{cursor.xmin & 0xFFFFFFFF}' AS xid)){asked_for.format('t.')}) AS c"
        f" WHERE (c.{XID} >= {cursor.xmin}"
        f" AND c.{XID} NOT IN (SELECT unnest(CAST('{{{seen}}}' AS bigint[])))){asked_for.format('c.')}"
    )


def advisory_key(stack: str) -> str:
    """The lock that makes extraction single-flight, as a bigint: only this stack's extract takes it."""
    return f"hashtextextended({literal('totestream-extract:' + stack)}, 0)"
