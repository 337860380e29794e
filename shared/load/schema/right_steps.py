"""The steps that grant the loader and the reader their rights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from shared.errors import ServiceRefused
from shared.ledger import tables
from shared.load.schema import ddl
from shared.load.schema.change import ChangeKind
from shared.load.schema.granting import Granting
from shared.load.schema.inspector import Inspector
from shared.load.schema.runner import StepRunner
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class Reader:
    """A login that may read. With a `verifier` of its password it is made, or given that password."""

    name: str
    verifier: str = ""


class RightSteps:
    def __init__(self, runner: StepRunner, inspector: Inspector, schema: str) -> None:
        self._runner, self._inspector, self._schema = runner, inspector, schema

    def ensure_loader(self, loader: str, targets: Mapping[str, Target]) -> None:
        if loader == self._inspector.login():
            return
        granting = Granting(self._inspector, loader, partial(self._grant, self._runner.attempt), self._runner.note)
        if not granting.has_login():
            return
        granting.grant_schema(self._schema)
        for table, rights in ddl.RIGHTS.items():
            granting.grant_relation(rights, table.name)
        for target in targets.values():
            shape = self._inspector.shape(target.name)
            if shape and shape.is_table:
                self._runner.alone(target.name, partial(granting.grant_target, target))
                granting.grant_views(target)

    def ensure_reader(self, reader: Reader, targets: Mapping[str, Target]) -> None:
        done = len(self._runner.report.changes)
        self._runner.connection.run("SAVEPOINT reader")
        try:
            self._make_reader(reader)
            self._let_read(reader.name, targets)
        except ServiceRefused as error:
            self._runner.connection.run("ROLLBACK TO SAVEPOINT reader")
            del self._runner.report.changes[done:]
            self._runner.report.not_readable = str(error)
        self._runner.connection.run("RELEASE SAVEPOINT reader")

    def _make_reader(self, reader: Reader) -> None:
        if reader.verifier:
            is_there, name = self._inspector.has_login(reader.name), quoted(reader.name)
            self._runner.run(
                f"{'ALTER' if is_there else 'CREATE'} ROLE {name} LOGIN PASSWORD {literal(reader.verifier)}; "
                f"ALTER ROLE {name} SET default_transaction_read_only TO on",
                "logins",
                f"login {reader.name} {'given another password' if is_there else 'made'}",
            )

    def _let_read(self, reader: str, targets: Mapping[str, Target]) -> None:
        """Grant the reader its rights. One right that the owner may not grant refuses all: half a view of the
        warehouse is no answer."""
        granting = Granting(self._inspector, reader, partial(self._grant, self._runner.run), self._runner.note)
        granting.grant_entry(self._schema)
        for table in tables.TABLES:
            granting.grant_relation(("SELECT",), table.name)
        for target in targets.values():
            shape = self._inspector.shape(target.name)
            if shape and shape.is_table:
                granting.grant_relation(("SELECT",), target.name)
                granting.grant_views(target)

    def _grant(self, run: Callable[[str, ChangeKind, str], None], statement: str, done: str) -> None:
        run(statement, "rights", done)
