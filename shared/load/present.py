"""What the warehouse's schema has: read from PostgreSQL's own catalogue. The schema is the search_path's."""

from dataclasses import dataclass

from shared.postgres.connection import Connection, quoted

TABLE_KINDS = ("r", "p")


@dataclass(frozen=True)
class PresentColumn:
    type: str
    required: bool
    fills_itself: bool
    comment: str | None


class Present:
    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection, self._schema = connection, schema

    def has_schema(self) -> bool:
        return bool(self._ask("SELECT to_regnamespace(:name) IS NOT NULL", name=quoted(self._schema)))

    def kind(self, name: str) -> str | None:
        """pg_class.relkind of a table, view …; None when nothing has this name."""
        kind = self._connection.run(
            "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:name)", name=self.full(name)
        )
        return str(kind[0][0]) if kind else None

    def full(self, name: str) -> str:
        return f"{quoted(self._schema)}.{quoted(name)}"

    def columns(self, table: str) -> dict[str, PresentColumn]:
        rows = self._connection.run(
            """
            SELECT attname::text, format_type(atttypid, atttypmod), attnotnull,
                   atthasdef OR attidentity <> '', col_description(attrelid, attnum)
            FROM pg_attribute
            WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
            name=self.full(table),
        )
        return {name: PresentColumn(*rest) for name, *rest in rows}

    def comment(self, relation: str) -> str | None:
        comment = self._ask("SELECT obj_description(to_regclass(:name), 'pg_class')", name=self.full(relation))
        return str(comment) if comment is not None else None

    def is_empty(self, table: str) -> bool:
        return not self._ask(f"SELECT EXISTS (SELECT FROM {self.full(table)})")  # noqa: S608 - a quoted name

    def indexed(self, table: str) -> set[str]:
        """The columns that an index of the whole table begins with."""
        return self._index_columns(table, "indpred IS NULL")

    def unique(self, table: str) -> set[str]:
        """The columns that alone must differ in each row."""
        return self._index_columns(table, "indpred IS NULL AND indisunique AND indnkeyatts = 1")

    def foreign_keys(self, table: str) -> set[str]:
        """The columns that alone refer to another table."""
        rows = self._connection.run(
            """
            SELECT attname::text FROM pg_constraint
            JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
            WHERE contype = 'f' AND conrelid = to_regclass(:name) AND array_length(conkey, 1) = 1""",
            name=self.full(table),
        )
        return {name for (name,) in rows}

    def sequence(self, table: str, column: str) -> str | None:
        """The sequence that fills a serial or identity column, quoted."""
        name = self._ask("SELECT pg_get_serial_sequence(:name, :column)", name=self.full(table), column=column)
        return str(name) if name is not None else None

    def next_is_taken(self, table: str, column: str, sequence: str) -> bool:
        """Whether the sequence lags behind numbers that were put in by hand."""
        text = f"SELECT coalesce((SELECT max({quoted(column)}) FROM {self.full(table)}), 0)"  # noqa: S608 - quoted
        next_one = f"(SELECT last_value + is_called::int FROM {sequence})"  # noqa: S608 - quoted
        return bool(self._ask(f"{text} >= {next_one}"))

    def login(self) -> str:
        return str(self._ask("SELECT current_user::text"))

    def has_login(self, login: str) -> bool:
        return bool(self._ask("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :login)", login=login))

    def may(self, login: str, right: str, kind: str, name: str) -> bool:
        """`kind` is table, sequence, schema or database; `name` is quoted when of a table or sequence."""
        return bool(
            self._ask(f"SELECT has_{kind}_privilege(:login, :name, :right)", login=login, name=name, right=right)
        )

    def database(self) -> str:
        return str(self._ask("SELECT current_database()::text"))

    def _index_columns(self, table: str, condition: str) -> set[str]:
        rows = self._connection.run(
            f"""
            SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
            WHERE indrelid = to_regclass(:name) AND {condition}""",  # noqa: S608 - of this module's own making
            name=self.full(table),
        )
        return {name for (name,) in rows}

    def _ask(self, statement: str, **params: object) -> object:
        return self._connection.one(statement, **params)[0]
