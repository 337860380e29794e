"""What PostgreSQL's catalogues say about a table that ours may not have: what a declaration of it needs."""

from collections.abc import Sequence
from typing import Any

from shared.catalogue import SourceTable
from shared.source.readers.base import TableDescription
from shared.source.readers.postgres import sql
from shared.source.readers.postgres.changes import difference
from shared.source.readers.postgres.live import LiveTable

DETAILS = """
SELECT CAST(pg_table_size(c.oid) AS bigint),
       ARRAY(SELECT CAST(a.attname AS text) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull ORDER BY a.attnum),
       ARRAY(SELECT CAST(a.attname AS text)
             FROM pg_index i
             CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS part (attnum, place)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.attnum
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY part.place),
       ARRAY(SELECT CAST(a.attname AS text)
             FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
             WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND a.attnotnull
               AND i.indpred IS NULL AND i.indexprs IS NULL ORDER BY a.attnum),
       (SELECT jsonb_object_agg(a.attname, jsonb_build_array(other.relname, b.attname))
        FROM pg_constraint f
        JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
        JOIN pg_class other ON other.oid = f.confrelid
        JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND cardinality(f.conkey) = 1),
       EXISTS (SELECT FROM pg_constraint f
               WHERE f.confrelid = c.oid AND f.contype = 'f' AND f.conrelid <> c.oid)
FROM pg_class c
WHERE c.oid = CAST(:oid AS oid)
"""

OTHERS = """
SELECT CAST(c.relname AS text) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT c.relname = ANY(:names)
ORDER BY c.relname
"""
"""The tables of the schema public, without `:names`."""


def description_from(name: str, live: LiveTable, row: Sequence[Any]) -> TableDescription:
    """Return the description of the table from its row of LIVE and its row of DETAILS."""
    size, required, primary_key, unique, references, is_referenced = row
    table = SourceTable(name, reference=False, columns=())
    return TableDescription(
        columns=dict(live.columns),
        required=tuple(required),
        primary_key=tuple(primary_key),
        unique=tuple(unique),
        references={column: (other, key) for column, (other, key) in (references or {}).items()},
        is_referenced=is_referenced,
        bytes=size,
        problem=difference(table, live) or "",
        grant=sql.grant_for(table, live) if live.closed_by else "",
    )
