"""The warehouse's tables, indexes, views and rights, made to be as declared, with the owner's login.

What exists is adopted. No column is ever dropped and no type changed: what differs and may not be mended is said.
A second time finds nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Table

from shared.errors import PermanentError, Refused, ServiceRefused, TotestreamError
from shared.load import bookkeeping, declared
from shared.load.declared import Declared
from shared.load.present import TABLE_KINDS, Present, PresentColumn
from shared.load.views import View, views
from shared.load.warehouse import lock_key
from shared.postgres.connection import Connection, quoted
from shared.warehouse.registry import TARGETS, Target

# A pass of the loader is given so long to end; then the caller is told to come again.
LOCK_S = 60
STATEMENT_S = 240
Targets = Mapping[str, Target]


@dataclass
class Report:
    """`did` what was changed, `said` what is not as declared and was left alone; one line each."""

    did: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, list[str]]:
        return {"did": self.did, "said": self.said}


def migrate(
    connection: Connection,
    schema: str,
    loader: str,
    event: Mapping[str, object] | None = None,
    targets: Targets = TARGETS,
    *,
    lock_s: int = LOCK_S,
) -> Report:
    """What `event` asks for: `{}` everything but foreign keys, `{"do": "foreign_keys", "tables": [facts]}` those,
    `{"do": "preview"}` what `{}` would do, undone again.

    `loader` is the login that is given the rights to load; `lock_s` is how long a loader at work is waited for.
    Refused when the event asks for anything else.
    """
    match event or {"do": "migrate"}:
        case {"do": "migrate" | "preview"}:
            work = partial(ensure_everything, loader=loader, targets=targets)
        case {"do": "foreign_keys", "tables": [*names]} if all(_is_fact(name, targets) for name in names):
            work = partial(ensure_foreign_keys, facts=[targets[str(name)] for name in names])
        case _:
            raise Refused('migrate takes {}, {"do": "preview"} or {"do": "foreign_keys", "tables": [names of facts]}')
    with _migration(connection, schema, lock_s, keep=event != {"do": "preview"}) as one:
        work(one)
        return one.report


def ensure_everything(one: "Migration", loader: str, targets: Targets) -> None:
    one.say_encoding()
    one.ensure_schema()
    for table in (*(target.table for target in targets.values()), *bookkeeping.TABLES):
        one.ensure_table(table)
    for target in targets.values():
        one.ensure_keys(target)
        for view in views(target):
            one.ensure_view(view)
    one.ensure_rights(loader, targets)


def ensure_foreign_keys(one: "Migration", facts: Sequence[Target]) -> None:
    """Those that the facts lack. An orphan keeps its key from being added, and is said."""
    for target in facts:
        one.ensure_foreign_keys(target)


def _is_fact(name: object, targets: Targets) -> bool:
    return isinstance(name, str) and name in targets and targets[name].kind == "fact"


@contextmanager
def _migration(connection: Connection, schema: str, lock_s: int, *, keep: bool) -> Iterator["Migration"]:
    """One transaction, while no loader is at work; undone when it is not to be kept."""
    connection.run(f"BEGIN; SET LOCAL lock_timeout = '{lock_s}s'; SET LOCAL statement_timeout = '{STATEMENT_S}s'")
    try:
        connection.run("SELECT pg_advisory_xact_lock(CAST(:key AS bigint))", key=lock_key(schema))
        connection.run(f"SET LOCAL search_path TO {quoted(schema)}")
        yield Migration(connection, schema, keep)
        connection.run("COMMIT" if keep else "ROLLBACK")
    except TotestreamError:
        connection.run("ROLLBACK")
        raise


class Migration:
    def __init__(self, connection: Connection, schema: str, keep: bool) -> None:
        self._connection, self._schema, self._keep = connection, schema, keep
        self._present = Present(connection, schema)
        self.report = Report()

    def say_encoding(self) -> None:
        encoding = self._connection.encoding
        if encoding != "UTF8":
            self._say(
                f"the database's encoding is {encoding}: a text with a character that it lacks is refused (22P05); "
                "use a database made with ENCODING 'UTF8' TEMPLATE template0"
            )

    def ensure_schema(self) -> None:
        if not self._present.has_schema():
            self._must(f"CREATE SCHEMA {quoted(self._schema)}", f"schema {self._schema} created")

    # ---- tables

    def ensure_table(self, table: Table) -> None:
        kind = self._present.kind(table.name)
        if kind is None:
            self._must(declared.create_table(table), f"{table.name} created")
        elif kind not in TABLE_KINDS:
            raise NotATable(table.name)
        else:
            self._adopt(table)
        self._ensure_indexes(table)
        self._ensure_comments(table)

    def _adopt(self, table: Table) -> None:
        there = self._present.columns(table.name)
        for column in table.columns:
            if column.name in there:
                self._say_differences(column, there[column.name])
            else:
                self._add_column(column)
        for name in there.keys() - table.columns.keys():
            if there[name].required and not there[name].fills_itself:
                self._say(f"{table.name}.{name} is not ours, and no row can be added without it: drop its NOT NULL")

    def _say_differences(self, column: Declared, there: PresentColumn) -> None:
        name, type_ = f"{column.table.name}.{column.name}", declared.type_of(column)
        if there.type != type_:
            self._say(f"{name} is {there.type}, declared {type_}: kept")
        if there.required and column.nullable:
            self._say(f"{name} may not be null, declared that it may: rows without it will fail")
        if not there.required and not column.nullable:
            self._say(f"{name} may be null, declared that it may not: kept")
        if declared.is_serial(column) and not there.fills_itself:
            self._say(f"{name} has no sequence: no row can be added before it has one")

    def _add_column(self, column: Declared) -> None:
        empty = self._present.is_empty(column.table.name)
        self._try(declared.add_column(column, empty=empty), f"{column.table.name}.{column.name} added")

    def _ensure_indexes(self, table: Table) -> None:
        """One by its first column is enough, whatever it is called."""
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.columns[0].name not in self._present.indexed(table.name):
                self._try(declared.create_index(index), f"{table.name}: index on {index.columns[0].name} created")

    def _ensure_comments(self, table: Table) -> None:
        there = self._present.columns(table.name)
        name = quoted(table.name)
        statements = [
            declared.comment_on("COLUMN", f"{name}.{quoted(column.name)}", column.comment)
            for column in table.columns
            if column.comment and column.name in there and there[column.name].comment != column.comment
        ]
        if table.comment and self._present.comment(table.name) != table.comment:
            statements.append(declared.comment_on("TABLE", name, table.comment))
        if statements:
            self._try(";".join(statements), f"{table.name}: comments written")

    # ---- keys

    def ensure_keys(self, target: Target) -> None:
        """What the load statements rely on: one row per dimension key and record id, many per business id."""
        unique = self._present.unique(target.name)
        only_one = target.record_id or target.key
        if only_one not in unique:
            self._try(declared.create_unique(target.name, only_one), f"{target.name}: unique index on {only_one}")
        if target.kind == "fact":
            if target.key in unique:
                self._say(f"{target.name}.{target.key} is unique, so no history can be kept: drop that constraint")
            self._ensure_sequence(target.name, only_one)

    def _ensure_sequence(self, table: str, column: str) -> None:
        sequence = self._present.sequence(table, column)
        if sequence and self._present.next_is_taken(table, column, sequence):
            statement = f"SELECT setval('{sequence}', (SELECT max({quoted(column)}) FROM {quoted(table)}))"  # noqa: S608
            # PostgreSQL never takes this one back.
            self._try(statement if self._keep else "SELECT 1", f"{table}: {column} goes on behind the highest there is")

    def ensure_foreign_keys(self, target: Target) -> None:
        lacking = sorted(target.references.keys() - self._present.foreign_keys(target.name))
        for column in lacking:
            dimension = target.references[column][0]
            self._try(declared.add_foreign_key(target, column), f"{target.name}.{column} refers to {dimension}")
        if lacking:
            # They are added after the first load, of which PostgreSQL has no statistics yet.
            self._connection.run(f"ANALYZE {quoted(target.name)}")

    # ---- views

    def ensure_view(self, view: View) -> None:
        if self._present.comment(view.name) == view.comment:
            return
        create = f"CREATE VIEW {quoted(view.name)} AS {view.select};"
        comment = declared.comment_on("VIEW", quoted(view.name), view.comment)
        if self._present.kind(view.name) is None:
            self._must(create + comment, f"{view.name} created")
        else:
            # REPLACE could not take a column in between; what depends on the view keeps it from being dropped.
            self._try(f"DROP VIEW {quoted(view.name)};" + create + comment, f"{view.name} made anew")

    # ---- rights

    def ensure_rights(self, loader: str, targets: Targets) -> None:
        if loader == self._present.login():
            return
        if not self._present.has_login(loader):
            self._say(f"login {loader} does not exist: it was given no rights")
            return
        database = self._present.database()
        self._grant(loader, ("TEMPORARY",), "database", database, quoted(database))
        self._grant(loader, ("USAGE",), "schema", self._schema, quoted(self._schema))
        for table, rights in declared.RIGHTS.items():
            self._grant_on_relation(loader, rights, table.name)
        for target in targets.values():
            self._grant_on_target(loader, target)

    def _grant_on_target(self, loader: str, target: Target) -> None:
        self._grant_on_relation(loader, declared.rights(target), target.name)
        for view in views(target):
            self._grant_on_relation(loader, ("SELECT",), view.name)
        sequence = self._present.sequence(target.name, target.record_id) if target.record_id else None
        if sequence:
            self._grant(loader, ("USAGE",), "sequence", sequence, sequence)

    def _grant_on_relation(self, loader: str, rights: Sequence[str], name: str) -> None:
        self._grant(loader, rights, "table", self._present.full(name), self._present.full(name))

    def _grant(self, loader: str, rights: Sequence[str], kind: str, name: str, quoted_name: str) -> None:
        lacking = [right for right in rights if not self._present.may(loader, right, kind, name)]
        if lacking:
            statement = f"GRANT {', '.join(lacking)} ON {kind.upper()} {quoted_name} TO {quoted(loader)}"
            self._try(statement, f"{loader} may {', '.join(lacking)} on {kind} {name}")

    # ---- doing and saying

    def _must(self, statements: str, done: str) -> None:
        self._connection.run(statements)
        self.report.did.append(done)

    def _try(self, statements: str, done: str) -> None:
        """What PostgreSQL refuses is said, and undone alone."""
        self._connection.run("SAVEPOINT one")
        try:
            self._must(statements, done)
            self._connection.run("RELEASE SAVEPOINT one")
        except ServiceRefused as error:
            self._connection.run("ROLLBACK TO SAVEPOINT one")
            self._say(f"not done: {done} ({error})")

    def _say(self, line: str) -> None:
        self.report.said.append(line)


class NotATable(PermanentError):
    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is there and is no table: rename it, or choose another WAREHOUSE_SCHEMA")
