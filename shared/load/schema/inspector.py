"""What the warehouse's schema has: read from PostgreSQL's own catalogue. The schema is the search_path's."""

from collections.abc import Callable
from typing import Any

import msgspec

from shared.load.schema.shape import Shape
from shared.postgres.connection import Connection, literal, quoted

# One round trip, since the loader asks before each manifest.
SHAPE = """
    SELECT json_build_object(
        'kind', c.relkind,
        'unlogged', c.relpersistence = 'u',
        'has_children', c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid),
        'columns', (
            SELECT coalesce(json_agg(json_build_object(
                'name', a.attname,
                'type', format_type(a.atttypid, a.atttypmod),
                'base', format_type(base.oid, NULL),
                'category', base.typcategory,
                'takes', ARRAY(
                    SELECT format_type(castsource, NULL) FROM pg_cast
                    WHERE casttarget = base.oid AND castcontext IN ('a', 'i')),
                'is_domain', base.is_domain,
                'is_enum', base.typtype = 'e',
                'required', a.attnotnull OR base.not_null,
                'fills_itself', a.atthasdef OR a.attidentity <> '',
                'generated', a.attgenerated <> '',
                'identity_always', a.attidentity = 'a',
                'comment', col_description(a.attrelid, a.attnum)) ORDER BY a.attnum), '[]')
            FROM pg_attribute a
            CROSS JOIN LATERAL (
                WITH RECURSIVE below AS (
                    SELECT t.*, false AS is_domain, t.typnotnull AS not_null FROM pg_type t WHERE t.oid = a.atttypid
                    UNION ALL
                    SELECT t.*, true, below.not_null OR t.typnotnull
                    FROM below JOIN pg_type t ON t.oid = below.typbasetype WHERE below.typtype = 'd')
                SELECT * FROM below WHERE typtype <> 'd') base
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'uniques', (
            SELECT coalesce(json_agg(json_build_object(
                'name', (SELECT relname FROM pg_class WHERE oid = i.indexrelid),
                'columns', ARRAY(
                    SELECT coalesce(attname, '') FROM generate_series(0, i.indnkeyatts - 1) place
                    LEFT JOIN pg_attribute ON attrelid = c.oid AND attnum = i.indkey[place] AND attnum > 0
                    ORDER BY place),
                'exclusion', i.indisexclusion,
                'deferrable', NOT i.indimmediate,
                'usable', i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL)
                ORDER BY i.indexrelid), '[]')
            FROM pg_index i WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion) AND i.indislive),
        'checks', ARRAY(SELECT conname FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' ORDER BY 1),
        'references', (
            SELECT coalesce(json_agg(json_build_object(
                'columns', ARRAY(
                    SELECT attname FROM unnest(conkey) WITH ORDINALITY AS part (attnum, place)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = part.attnum ORDER BY place),
                'table', CASE WHEN other.relnamespace = c.relnamespace THEN other.relname::text
                              ELSE other.oid::regclass::text END) ORDER BY f.oid), '[]')
            FROM pg_constraint f JOIN pg_class other ON other.oid = f.confrelid
            WHERE f.conrelid = c.oid AND f.contype = 'f'),
        'rules', ARRAY(
            SELECT rulename FROM pg_rewrite
            WHERE ev_class = c.oid AND ev_type IN ('2', '3') AND ev_enabled <> 'D' ORDER BY 1),
        'triggers', ARRAY(
            SELECT tgname FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D' ORDER BY 1))
    FROM pg_class c
    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relname = """

Ask = Callable[[str], list[list[Any]] | None]


def shape_of(run: Ask, table: str) -> Shape | None:
    """Return the table's shape, None when nothing has this name. `run` executes a statement."""
    # No parameter: for one pg8000 reads the whole statement letter by letter, which takes 25 ms.
    rows = run(SHAPE + literal(table))
    return msgspec.convert(rows[0][0], Shape) if rows else None


class Inspector:
    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema

    def has_schema(self) -> bool:
        return bool(self._ask("SELECT to_regnamespace(:name) IS NOT NULL", name=quoted(self._schema)))

    def full(self, name: str) -> str:
        return f"{quoted(self._schema)}.{quoted(name)}"

    def shape(self, table: str) -> Shape | None:
        return shape_of(self._connection.run, table)

    def relations(self) -> set[str]:
        """Return the names of all tables and views."""
        rows = self._connection.run(
            "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = "
            "(SELECT oid FROM pg_namespace WHERE nspname = current_schema())"
        )
        return {name for (name,) in rows}

    def hides_rows(self, table: str, login: str) -> bool:
        """Return whether row-level security applies to the login."""
        return bool(
            self._ask(
                """
                SELECT EXISTS (
                    SELECT FROM pg_class c, pg_roles r
                    WHERE c.oid = to_regclass(:name) AND r.rolname = :login AND c.relrowsecurity
                      AND NOT (r.rolsuper OR r.rolbypassrls)
                      AND (c.relforcerowsecurity OR NOT pg_has_role(r.oid, c.relowner, 'USAGE')))""",
                name=self.full(table),
                login=login,
            )
        )

    def comment(self, relation: str) -> str | None:
        comment = self._ask("SELECT obj_description(to_regclass(:name), 'pg_class')", name=self.full(relation))
        return str(comment) if comment is not None else None

    def is_empty(self, table: str) -> bool:
        return not self._ask(f"SELECT EXISTS (SELECT FROM {self.full(table)})")  # noqa: S608 - a quoted name

    def indexed(self, table: str) -> set[str]:
        """Return the columns with which an index of the whole table begins."""
        rows = self._connection.run(
            """
            SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            WHERE indrelid = to_regclass(:name) AND indpred IS NULL AND indisvalid""",
            name=self.full(table),
        )
        return {name for (name,) in rows}

    def sequence(self, table: str, column: str) -> str | None:
        """Return the sequence from which the column's default takes its numbers, quoted."""
        name = self._ask(
            """
            SELECT s.oid::regclass::text FROM pg_attribute a
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            JOIN pg_depend p ON (p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid)
                             OR (a.attidentity <> '' AND p.classid = 'pg_class'::regclass AND p.deptype = 'i'
                                 AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum)
            JOIN pg_class s ON s.relkind = 'S' AND s.oid IN (p.refobjid, p.objid)
            WHERE a.attrelid = to_regclass(:name) AND a.attname = :column
            UNION ALL SELECT NULL LIMIT 1""",
            name=self.full(table),
            column=column,
        )
        return str(name) if name is not None else None

    def next_is_taken(self, table: str, column: str, sequence: str) -> bool:
        """Return whether the sequence is behind numbers that were inserted by hand."""
        text = f"SELECT coalesce((SELECT max({quoted(column)}) FROM {self.full(table)}), 0)"  # noqa: S608 - quoted
        next_one = f"(SELECT last_value + is_called::int FROM {sequence})"  # noqa: S608 - quoted
        return bool(self._ask(f"{text} >= {next_one}"))

    def login(self) -> str:
        return str(self._ask("SELECT current_user::text"))

    def has_login(self, login: str) -> bool:
        return bool(self._ask("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :login)", login=login))

    def may_act_as(self, login: str, owner: str) -> bool:
        """Return whether the login is a member of the owner's role; a superuser is one of every role."""
        return bool(self._ask("SELECT pg_has_role(:login, :owner, 'MEMBER')", login=login, owner=owner))

    def may(self, login: str, right: str, kind: str, name: str) -> bool:
        """Return whether the login has the right.

        `kind` is table, sequence, schema or database; `name` is quoted for a table or sequence. `right` may name some
        of a table's columns: UPDATE (this, that).
        """
        right, of_columns, columns = right.removesuffix(")").partition(" (")
        if of_columns:
            return all(self._may_column(login, right, name, column) for column in columns.split(", "))
        return bool(
            self._ask(f"SELECT has_{kind}_privilege(:login, :name, :right)", login=login, name=name, right=right)
        )

    def _may_column(self, login: str, right: str, table: str, column: str) -> bool:
        ask = "SELECT has_column_privilege(:login, :table, :column, :right)"
        return bool(self._ask(ask, login=login, table=table, column=column, right=right))

    def database(self) -> str:
        return str(self._ask("SELECT current_database()::text"))

    def _ask(self, statement: str, **params: object) -> object:
        return self._connection.one(statement, **params)[0]
