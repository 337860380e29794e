"""The steps of a migration, each of which finds what is there and does what is lacking."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Table

from shared.errors import ServiceRefused
from shared.ledger import tables
from shared.ledger.views import View
from shared.load import conventions, declared
from shared.load.change import ChangeKind, SchemaChange
from shared.load.declared import Declared
from shared.load.differences import differences
from shared.load.granting import Granting
from shared.load.present import Present
from shared.load.shape import Shape, obstacles
from shared.load.similar import alike
from shared.postgres.connection import Connection, literal, quoted
from shared.warehouse.registry import Target


@dataclass
class Report:
    """`changes` is what was done, `said` what is not as declared and was left alone; one line each."""

    changes: list[SchemaChange] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    # Why no reader could be made, or given its rights.
    not_readable: str = ""

    @property
    def did(self) -> list[str]:
        return [change.words for change in self.changes]

    @property
    def facts(self) -> dict[str, Any]:
        return {"did": self.did, "said": self.said, "counts": dict(Counter(change.kind for change in self.changes))}


@dataclass(frozen=True)
class Reader:
    """A login that may read. With a `verifier` of its password it is made, or given that password."""

    name: str
    verifier: str = ""


class Migration:
    def __init__(self, connection: Connection, schema: str, keep: bool) -> None:
        self._connection, self._schema, self._keep = connection, schema, keep
        self._present = Present(connection, schema)
        self.report = Report()

    def say_encoding(self) -> None:
        encoding = self._connection.encoding
        if encoding != "UTF8":
            self._say(
                f"the database's encoding is {encoding}: a row with a character that it lacks is quarantined; "
                "use a database made with ENCODING 'UTF8' TEMPLATE template0"
            )

    def ensure_schema(self) -> None:
        if not self._present.has_schema():
            self._must(f"CREATE SCHEMA {quoted(self._schema)}", "schema", f"schema {self._schema} created")

    # ---- tables

    def ensure_target(self, target: Target) -> None:
        """Create the table, or add what it lacks. What exists and is no table is left to `say_differences`."""
        shape = self._present.shape(target.name)
        if shape is None or shape.is_table:
            self.ensure_table(target.table)
            self._ensure_keys(target)

    def ensure_table(self, table: Table) -> None:
        shape = self._present.shape(table.name)
        if shape is None:
            self._must(declared.create_table(table), "tables", f"{table.name} created")
        else:
            for column in table.columns:
                if shape.column(column.name) is None:
                    self._add_column(column)
        self._ensure_indexes(table)
        self._ensure_comments(table)

    def _add_column(self, column: Declared) -> None:
        empty = self._present.is_empty(column.table.name)
        self._try(declared.add_column(column, empty=empty), "columns", f"{column.table.name}.{column.name} added")

    def _ensure_indexes(self, table: Table) -> None:
        """Add an index where none begins with the column; one is enough, whatever its name."""
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.columns[0].name not in self._present.indexed(table.name):
                done = f"{table.name}: index on {index.columns[0].name} created"
                self._try(declared.create_index(index), "indexes", done)

    def _ensure_comments(self, table: Table) -> None:
        shape = self._present.shape(table.name)
        name = quoted(table.name)
        there = {column.name: column.comment for column in shape.columns} if shape else {}
        statements = [
            declared.comment_on("COLUMN", f"{name}.{quoted(column.name)}", column.comment)
            for column in table.columns
            if column.comment and column.name in there and there[column.name] != column.comment
        ]
        if table.comment and self._present.comment(table.name) != table.comment:
            statements.append(declared.comment_on("TABLE", name, table.comment))
        if statements:
            self._try(";".join(statements), "comments", f"{table.name}: comments written")

    # ---- keys

    def _ensure_keys(self, target: Target) -> None:
        """Add the indexes that the load statements rely on: one row per dimension key and record id, many per
        business key."""
        only_one = target.record_id or target.key
        shape = self._present.shape(target.name)
        is_late = target.kind != "fact" and shape and shape.deferrable(only_one)
        if shape and not is_late and not shape.is_unique(only_one):
            statement = declared.create_unique(target.name, only_one)
            self._try(statement, "indexes", f"{target.name}: unique index on {only_one}")
        if target.record_id:
            self._ensure_sequence(target.name, target.record_id)

    def _ensure_sequence(self, table: str, column: str) -> None:
        sequence = self._present.sequence(table, column)
        if sequence and self._present.next_is_taken(table, column, sequence):
            highest = f"(SELECT max({quoted(column)}) FROM {quoted(table)})"  # noqa: S608 - quoted
            statement = f"SELECT setval({literal(sequence)}, {highest})"
            # PostgreSQL never takes this one back.
            done = f"{table}: {column} goes on behind the highest there is"
            self._try(statement if self._keep else "SELECT 1", "sequences", done)

    def ensure_foreign_keys(self, target: Target) -> None:
        shape = self._present.shape(target.name)
        there = {each.columns[0] for each in shape.references if len(each.columns) == 1} if shape else set()
        lacking = sorted(target.references.keys() - there)
        for column in lacking:
            dimension = target.references[column][0]
            self._try(declared.add_foreign_key(target, column), "keys", f"{target.name}.{column} refers to {dimension}")
        if lacking:
            # They are added after the first load, of which PostgreSQL has no statistics yet.
            self._connection.run(f"ANALYZE {quoted(target.name)}")

    # ---- views

    def ensure_view(self, view: View) -> None:
        if self._present.comment(view.name) == view.comment:
            return
        create = f"CREATE VIEW {quoted(view.name)} AS {view.select};"
        comment = declared.comment_on("VIEW", quoted(view.name), view.comment)
        if self._present.shape(view.name) is None:
            self._try(create + comment, "views", f"{view.name} created")
        else:
            # REPLACE could not take a column in between; what depends on the view keeps it from being dropped.
            drop = f"DROP VIEW {quoted(view.name)};"
            self._try(drop + create + comment, "views", f"{view.name} made again")

    # ---- rights

    def ensure_rights(self, loader: str, targets: Mapping[str, Target]) -> None:
        if loader == self._present.login():
            return
        granting = Granting(self._present, loader, partial(self._grant, self._try), self._say)
        if not granting.has_login():
            return
        granting.grant_schema(self._schema)
        for table, rights in declared.RIGHTS.items():
            granting.grant_relation(rights, table.name)
        for target in targets.values():
            shape = self._present.shape(target.name)
            if shape and shape.is_table:
                self.alone(target.name, partial(granting.grant_target, target))
                granting.grant_views(target)

    def ensure_reader(self, reader: Reader, targets: Mapping[str, Target]) -> None:
        done = len(self.report.changes)
        self._connection.run("SAVEPOINT reader")
        try:
            self._make_reader(reader)
            self._let_read(reader.name, targets)
        except ServiceRefused as error:
            self._connection.run("ROLLBACK TO SAVEPOINT reader")
            del self.report.changes[done:]
            self.report.not_readable = str(error)
        self._connection.run("RELEASE SAVEPOINT reader")

    def _make_reader(self, reader: Reader) -> None:
        if reader.verifier:
            is_there, name = self._present.has_login(reader.name), quoted(reader.name)
            self._must(
                f"{'ALTER' if is_there else 'CREATE'} ROLE {name} LOGIN PASSWORD {literal(reader.verifier)}; "
                f"ALTER ROLE {name} SET default_transaction_read_only TO on",
                "logins",
                f"login {reader.name} {'given another password' if is_there else 'made'}",
            )

    def _let_read(self, reader: str, targets: Mapping[str, Target]) -> None:
        """Grant the reader its rights. One right that the owner may not grant refuses all: half a view of the
        warehouse is no answer."""
        granting = Granting(self._present, reader, partial(self._grant, self._must), self._say)
        granting.grant_entry(self._schema)
        for table in tables.TABLES:
            granting.grant_relation(("SELECT",), table.name)
        for target in targets.values():
            shape = self._present.shape(target.name)
            if shape and shape.is_table:
                granting.grant_relation(("SELECT",), target.name)
                granting.grant_views(target)

    def _grant(self, run: Callable[[str, ChangeKind, str], None], statement: str, done: str) -> None:
        run(statement, "rights", done)

    # ---- what is left as it is

    def say_one_login(self, loader: str) -> None:
        owner = self._present.login()
        if loader == owner:
            self._say(
                f"the loader's login is the owner's, {owner}, and may drop and change every table; the way out: "
                "set WAREHOUSE_OWNER_SECRET, and WAREHOUSE_SECRET to a login that owns nothing"
            )
        elif self._present.has_login(loader) and self._present.may_act_as(loader, owner):
            self._say(
                f"the loader's login, {loader}, may act as the owner's, {owner}: it may drop and change every table"
            )

    def say_differences(self, targets: Mapping[str, Target], loader: str) -> None:
        ours = {*targets, *(table.name for table in tables.TABLES)}
        others = self._present.relations() - ours
        for table in tables.TABLES:
            self._say_bookkeeping(table)
        for target in targets.values():
            shape = self._present.shape(target.name)
            if shape is None:
                continue
            self._say_all(differences(target, shape, self._schema))
            self._say_alike(target, shape, others)
            if not obstacles(target, shape, self._schema):
                self.alone(target.name, partial(self._say_other_rows, target, shape))
        Granting(self._present, loader, partial(self._grant, self._try), self._say).say_hidden_rows(sorted(ours))

    def _say_other_rows(self, target: Target, shape: Shape) -> None:
        self._say_all(conventions.other_rows(self._connection, target, shape, self._schema))

    def _say_bookkeeping(self, table: Table) -> None:
        shape = self._present.shape(table.name)
        for column in table.columns:
            there = shape.column(column.name) if shape else None
            if there and there.type != declared.type_of(column):
                self._say(f"{table.name}.{column.name} is {there.type}, declared {declared.type_of(column)}: kept")

    def _say_alike(self, target: Target, shape: Shape, others: set[str]) -> None:
        for name in alike(target.name, others):
            self._say(
                f"{name} is there beside {target.name}, which is the one that is filled; the way out: "
                f"{self._way_out_of_alike(target.name, name)}"
            )
        ours = {column.name for column in target.table.columns}
        for column in target.table.columns:
            for name in alike(column.name, {there.name for there in shape.columns} - ours):
                table = self._present.full(target.name)
                way_out = f"ALTER TABLE {table} DROP COLUMN {quoted(name)}"
                self._say(f"{target.name} has {name} beside {column.name}, which is the one that is filled; {way_out}")

    def _way_out_of_alike(self, ours: str, theirs: str) -> str:
        """Return what helps where a table has nearly our name. Ours may be dropped only while it has no rows."""
        other = self._present.full(theirs)
        keep_ours = f"DROP TABLE {other} or rename it"
        if not self._present.is_empty(ours):
            return keep_ours
        take_theirs = f"DROP TABLE {self._present.full(ours)} CASCADE; ALTER TABLE {other} RENAME TO {quoted(ours)}"
        return f"{keep_ours}, or have it filled: {take_theirs}, and deploy again"

    # ---- doing and saying

    def alone(self, name: str, work: Callable[[], object]) -> None:
        """Run the work on one table; what PostgreSQL refuses is reported and rolled back, and stops no other table."""
        done = len(self.report.changes)
        self._connection.run("SAVEPOINT alone")
        try:
            work()
        except ServiceRefused as error:
            self._connection.run("ROLLBACK TO SAVEPOINT alone")
            del self.report.changes[done:]
            self._say(f"{name} is left as it is: {error}")
        self._connection.run("RELEASE SAVEPOINT alone")

    def _must(self, statements: str, kind: ChangeKind, done: str) -> None:
        self._connection.run(statements)
        self.report.changes.append(SchemaChange(kind, done))

    def _try(self, statements: str, kind: ChangeKind, done: str) -> None:
        """Run the statement; what PostgreSQL refuses is reported and rolled back alone."""
        self._connection.run("SAVEPOINT one")
        try:
            self._must(statements, kind, done)
        except ServiceRefused as error:
            self._connection.run("ROLLBACK TO SAVEPOINT one")
            self._say(f"not done: {done} ({error})")
        self._connection.run("RELEASE SAVEPOINT one")

    def _say_all(self, lines: Sequence[str]) -> None:
        self.report.said.extend(lines)

    def _say(self, line: str) -> None:
        self.report.said.append(line)
