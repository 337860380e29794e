"""The steps that create and complete tables, their indexes, foreign keys and views."""

from sqlalchemy import Table

from shared.ledger.views import View
from shared.load.schema import ddl
from shared.load.schema.ddl import Declared
from shared.load.schema.inspector import Inspector
from shared.load.schema.runner import StepRunner
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


class TableSteps:
    def __init__(self, runner: StepRunner, inspector: Inspector, schema: str) -> None:
        self._runner, self._inspector, self._schema = runner, inspector, schema

    def ensure_schema(self) -> None:
        if not self._inspector.has_schema():
            self._runner.run(f"CREATE SCHEMA {quoted(self._schema)}", "schema", f"schema {self._schema} created")

    def ensure_target(self, target: Target) -> None:
        """Create the table, or add what it lacks. What exists and is no table is left to `DifferenceNotes`."""
        shape = self._inspector.shape(target.name)
        if shape is None or shape.is_table:
            self.ensure_table(target.table)
            self._ensure_keys(target)

    def ensure_table(self, table: Table) -> None:
        shape = self._inspector.shape(table.name)
        if shape is None:
            self._runner.run(ddl.create_table(table), "tables", f"{table.name} created")
        else:
            for column in table.columns:
                if shape.column(column.name) is None:
                    self._add_column(column)
        self._ensure_indexes(table)
        self._ensure_comments(table)

    def _add_column(self, column: Declared) -> None:
        empty = self._inspector.is_empty(column.table.name)
        self._runner.attempt(ddl.add_column(column, empty=empty), "columns", f"{column.table.name}.{column.name} added")

    def _ensure_indexes(self, table: Table) -> None:
        """Add an index where none begins with the column; one is enough, whatever its name."""
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.columns[0].name not in self._inspector.indexed(table.name):
                done = f"{table.name}: index on {index.columns[0].name} created"
                self._runner.attempt(ddl.create_index(index), "indexes", done)

    def _ensure_comments(self, table: Table) -> None:
        shape = self._inspector.shape(table.name)
        name = quoted(table.name)
        existing = {column.name: column.comment for column in shape.columns} if shape else {}
        statements = [
            ddl.comment_on("COLUMN", f"{name}.{quoted(column.name)}", column.comment)
            for column in table.columns
            if column.comment and column.name in existing and existing[column.name] != column.comment
        ]
        if table.comment and self._inspector.comment(table.name) != table.comment:
            statements.append(ddl.comment_on("TABLE", name, table.comment))
        if statements:
            self._runner.attempt(";".join(statements), "comments", f"{table.name}: comments written")

    # ---- keys

    def _ensure_keys(self, target: Target) -> None:
        """Add the indexes that the load statements rely on: one row per dimension key and record id, many per
        business key."""
        only_one = target.record_id or target.key
        shape = self._inspector.shape(target.name)
        is_late = target.kind != "fact" and shape and shape.deferrable(only_one)
        if shape and not is_late and not shape.is_unique(only_one):
            statement = ddl.create_unique(target.name, only_one)
            self._runner.attempt(statement, "indexes", f"{target.name}: unique index on {only_one}")
        if target.record_id:
            self._ensure_sequence(target.name, target.record_id)

    def _ensure_sequence(self, table: str, column: str) -> None:
        sequence = self._inspector.sequence(table, column)
        if sequence and self._inspector.next_is_taken(table, column, sequence):
            highest = f"(SELECT max({quoted(column)}) FROM {quoted(table)})"  # noqa: S608 - quoted
            statement = f"SELECT setval({literal(sequence)}, {highest})"
            # PostgreSQL never takes this one back.
            done = f"{table}: {column} goes on behind the highest there is"
            self._runner.attempt(statement if self._runner.keep else "SELECT 1", "sequences", done)

    def ensure_foreign_keys(self, target: Target) -> None:
        shape = self._inspector.shape(target.name)
        existing = {each.columns[0] for each in shape.references if len(each.columns) == 1} if shape else set()
        lacking = sorted(target.references.keys() - existing)
        for column in lacking:
            dimension = target.references[column][0]
            self._runner.attempt(
                ddl.add_foreign_key(target, column), "keys", f"{target.name}.{column} refers to {dimension}"
            )
        if lacking:
            # They are added after the first load, of which PostgreSQL has no statistics yet.
            self._runner.connection.run(f"ANALYZE {quoted(target.name)}")

    # ---- views

    def ensure_view(self, view: View) -> None:
        if self._inspector.comment(view.name) == view.comment:
            return
        create = f"CREATE VIEW {quoted(view.name)} AS {view.select};"
        comment = ddl.comment_on("VIEW", quoted(view.name), view.comment)
        if self._inspector.shape(view.name) is None:
            self._runner.attempt(create + comment, "views", f"{view.name} created")
        else:
            # REPLACE could not take a column in between; what depends on the view keeps it from being dropped.
            drop = f"DROP VIEW {quoted(view.name)};"
            self._runner.attempt(drop + create + comment, "views", f"{view.name} made again")
