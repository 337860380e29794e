"""Notes on what is not as declared and is left as it is, each with the statement that helps."""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import Table

from shared.ledger import tables
from shared.load.schema import conventions, ddl
from shared.load.schema.differences import differences
from shared.load.schema.inspector import Inspector
from shared.load.schema.runner import StepRunner
from shared.load.schema.shape import Shape, obstacles
from shared.load.schema.similar import alike
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target


class DifferenceNotes:
    def __init__(self, runner: StepRunner, inspector: Inspector, schema: str) -> None:
        self._runner, self._inspector, self._schema = runner, inspector, schema

    def note_encoding(self) -> None:
        encoding = self._runner.connection.encoding
        if encoding != "UTF8":
            self._runner.note(
                f"the database's encoding is {encoding}: a row with a character that it lacks is quarantined; "
                "use a database made with ENCODING 'UTF8' TEMPLATE template0"
            )

    def note_one_login(self, loader: str) -> None:
        owner = self._inspector.login()
        if loader == owner:
            self._runner.note(
                f"the loader's login is the owner's, {owner}, and may drop and change every table; the way out: "
                "set WAREHOUSE_OWNER_SECRET, and WAREHOUSE_SECRET to a login that owns nothing"
            )
        elif self._inspector.has_login(loader) and self._inspector.may_act_as(loader, owner):
            self._runner.note(
                f"the loader's login, {loader}, may act as the owner's, {owner}: it may drop and change every table"
            )

    def note_differences(self, targets: Mapping[str, Target], loader: str) -> None:
        ours = {*targets, *(table.name for table in tables.TABLES)}
        others = self._inspector.relations() - ours
        for table in tables.TABLES:
            self._note_bookkeeping(table)
        for target in targets.values():
            shape = self._inspector.shape(target.name)
            if shape is None:
                continue
            self._runner.report.notes.extend(differences(target, shape, self._schema))
            self._note_alike(target, shape, others)
            if not obstacles(target, shape, self._schema):
                self._runner.alone(target.name, partial(self._note_other_rows, target, shape))
        for name in sorted(ours):
            self._note_hidden_rows(name, loader)

    def _note_other_rows(self, target: Target, shape: Shape) -> None:
        self._runner.report.notes.extend(conventions.other_rows(self._runner.connection, target, shape, self._schema))

    def _note_bookkeeping(self, table: Table) -> None:
        shape = self._inspector.shape(table.name)
        for column in table.columns:
            existing = shape.column(column.name) if shape else None
            declared = ddl.type_of(column)
            if existing and existing.type != declared:
                self._runner.note(f"{table.name}.{column.name} is {existing.type}, declared {declared}: kept")

    def _note_alike(self, target: Target, shape: Shape, others: set[str]) -> None:
        for name in alike(target.name, others):
            self._runner.note(
                f"{name} is there beside {target.name}, which is the one that is filled; the way out: "
                f"{self._way_out_of_alike(target.name, name)}"
            )
        ours = {column.name for column in target.table.columns}
        for column in target.table.columns:
            for name in alike(column.name, {existing.name for existing in shape.columns} - ours):
                table = self._inspector.full(target.name)
                way_out = f"ALTER TABLE {table} DROP COLUMN {quoted(name)}"
                self._runner.note(
                    f"{target.name} has {name} beside {column.name}, which is the one that is filled; {way_out}"
                )

    def _way_out_of_alike(self, ours: str, theirs: str) -> str:
        """Return what helps where a table has nearly our name. Ours may be dropped only while it has no rows."""
        other = self._inspector.full(theirs)
        keep_ours = f"DROP TABLE {other} or rename it"
        if not self._inspector.is_empty(ours):
            return keep_ours
        take_theirs = f"DROP TABLE {self._inspector.full(ours)} CASCADE; ALTER TABLE {other} RENAME TO {quoted(ours)}"
        return f"{keep_ours}, or have it filled: {take_theirs}, and deploy again"

    def _note_hidden_rows(self, name: str, loader: str) -> None:
        if self._inspector.hides_rows(name, loader):
            full = self._inspector.full(name)
            what = f"row-level security that holds for {loader}: rows that it hides would be added again"
            way_out = f"ALTER TABLE {full} DISABLE ROW LEVEL SECURITY, or ALTER ROLE {quoted(loader)} BYPASSRLS"
            self._runner.note(f"{name} has {what}, so it is not loaded; the way out: {way_out}")
