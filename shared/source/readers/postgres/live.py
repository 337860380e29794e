"""What PostgreSQL's catalogues say about the source's tables: one query, and its result.

A row is found to be new by the transaction that made it. So whatever changes what a SELECT returns while the rows
keep their transactions must be detected here: LiveTable.taken_from holds it, in parts that have names.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

LIVE = """
WITH RECURSIVE tree (root, relation) AS (
    SELECT c.oid, c.oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relname = ANY(:names)
  UNION
    SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.relation
),
relations AS (
    SELECT t.root,
           string_agg(CAST(ROW(c.oid, c.relkind, c.relpersistence, c.relfilenode, c.relam) AS text), ''
                      ORDER BY c.oid) AS relations,
           string_agg(CAST(ROW(c.oid, c.relrowsecurity, c.relforcerowsecurity) AS text), '' ORDER BY c.oid) AS secured,
           jsonb_agg(jsonb_build_array(c.relname, c.relkind, m.amname) ORDER BY c.relname) FILTER (
               WHERE c.relkind NOT IN ('r', 'p') OR c.relkind = 'r' AND m.amname NOT IN ('heap', 'tde_heap')) AS unfit
    FROM tree t JOIN pg_class c ON c.oid = t.relation LEFT JOIN pg_am m ON m.oid = c.relam
    GROUP BY t.root
),
branches AS (
    SELECT t.root, string_agg(CAST(i AS text), '' ORDER BY i.inhparent, i.inhrelid) AS branches
    FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation
    GROUP BY t.root
),
attributes AS (
    SELECT t.root,
           string_agg(CAST(ROW(a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.atthasmissing,
                               CAST(a.attmissingval AS text), a.attgenerated,
                               CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END) AS text), ''
                      ORDER BY a.attrelid, a.attnum) AS columns,
           string_agg(DISTINCT CAST(ROW(y.oid, y.typtype, y.typbasetype, y.typtypmod) AS text), '') AS types
    FROM tree t
    JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    GROUP BY t.root
),
labels AS (
    SELECT used.root, string_agg(CAST(ROW(e.oid, e.xmin, e.enumlabel) AS text), '' ORDER BY e.oid) AS labels
    FROM (SELECT DISTINCT t.root, a.atttypid
          FROM tree t JOIN pg_attribute a ON a.attrelid = t.relation AND a.attnum > 0) AS used
    JOIN pg_enum e ON e.enumtypid = used.atttypid
    GROUP BY used.root
),
policies AS (
    SELECT t.root, string_agg(CAST(ROW(p.oid, p.xmin) AS text), '' ORDER BY p.oid) AS policies
    FROM tree t JOIN pg_policy p ON p.polrelid = t.relation
    GROUP BY t.root
),
masks AS (
    SELECT t.root, string_agg(CAST(ROW(s.objoid, s.objsubid, s.provider, s.label) AS text), ''
                              ORDER BY s.objoid, s.objsubid, s.provider) AS masks
    FROM tree t JOIN pg_seclabel s ON s.objoid = t.relation AND s.classoid = CAST('pg_class' AS regclass)
    GROUP BY t.root
)
SELECT c.relname, c.oid, c.relfilenode,
       ARRAY(SELECT CAST(a.attname AS text) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT CASE y.typtype WHEN 'e' THEN 'enum'
                                   WHEN 'd' THEN 'the domain ' || format_type(a.atttypid, a.atttypmod)
                                                 || ' over ' || format_type(y.typbasetype, y.typtypmod)
                                   ELSE format_type(a.atttypid, a.atttypmod) END
             FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       relations.unfit,
       CASE WHEN NOT has_schema_privilege(c.relnamespace, 'USAGE') THEN 'schema'
            WHEN NOT has_table_privilege(c.oid, 'SELECT') THEN 'table'
            WHEN row_security_active(c.oid) THEN 'policy' END,
       current_user,
       jsonb_build_object(
           'database', (SELECT hashtextextended(CAST(ROW(oid, encoding) AS text), 0)
                        FROM pg_database WHERE datname = current_database()),
           'login', current_user,
           'relations', hashtextextended(relations.relations || coalesce(branches.branches, ''), 0),
           'columns', hashtextextended(attributes.columns, 0),
           'types', hashtextextended(attributes.types || coalesce(labels.labels, ''), 0),
           'policies', hashtextextended(relations.secured || coalesce(policies.policies, ''), 0),
           'masks', hashtextextended(coalesce(masks.masks, '') || reader.masks, 0))
FROM pg_class c
JOIN relations ON relations.root = c.oid
LEFT JOIN branches ON branches.root = c.oid
LEFT JOIN attributes ON attributes.root = c.oid
LEFT JOIN labels ON labels.root = c.oid
LEFT JOIN policies ON policies.root = c.oid
LEFT JOIN masks ON masks.root = c.oid
CROSS JOIN (
    SELECT coalesce(string_agg(s.provider || ' ' || s.label, ',' ORDER BY s.provider), '') AS masks
    FROM pg_shseclabel s JOIN pg_roles r ON r.oid = s.objoid AND s.classoid = CAST('pg_authid' AS regclass)
    WHERE r.rolname = current_user) AS reader
ORDER BY c.relname
"""
"""`:names` are tables of the schema public. `tree` is a table with its partitions and inheritance children: a SELECT
reads them all. Rows of pg_enum and pg_policy are identified by their xmin, so that a change that was reverted shows,
too. The row of pg_database is not, because every GRANT on the database changes its xmin. CAST(i AS text) has all
columns that this version of PostgreSQL gives pg_inherits."""


class LiveTable(NamedTuple):
    """A table as the live database has it: columns as (name, type).

    `taken_from` identifies what its rows were read from, part by part. `unfit` are relations of its tree, as (name,
    relkind, access method), whose rows do not show which transaction made them. `closed_by` is what keeps `login` from
    reading every row: "schema" or "table" (a missing privilege) or "policy"; None when nothing does.
    """

    oid: int
    relfilenode: int
    columns: tuple[tuple[str, str], ...]
    taken_from: Mapping[str, str]
    unfit: tuple[tuple[str, str, str | None], ...] = ()
    closed_by: str | None = None
    login: str = ""

    @property
    def fingerprint(self) -> str:
        text = "\n".join(f"{name} {type_}" for name, type_ in self.columns)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def live_table_from(row: Sequence[Any]) -> tuple[str, LiveTable]:
    """Return a table's name, and what the row of LIVE says about it."""
    name, oid, relfilenode, columns, types, unfit, closed_by, login, taken_from = row
    return name, LiveTable(
        oid=oid,
        relfilenode=relfilenode,
        columns=tuple(zip(columns, types, strict=True)),
        taken_from={part: f"{value}" for part, value in taken_from.items()},
        unfit=tuple((relation, relkind, storage) for relation, relkind, storage in unfit or ()),
        closed_by=closed_by,
        login=login,
    )
