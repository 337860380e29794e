"""Run the statements of a migration and report them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.errors import ServiceRefused
from shared.load.schema.change import ChangeKind, SchemaChange
from shared.postgres.connection import Connection


@dataclass
class Report:
    """`changes` is what was done, `notes` what is not as declared and was left alone; one line each."""

    changes: list[SchemaChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Why no reader could be made, or given its rights.
    not_readable: str = ""

    @property
    def did(self) -> list[str]:
        return [change.words for change in self.changes]

    @property
    def facts(self) -> dict[str, Any]:
        return {"did": self.did, "notes": self.notes, "counts": dict(Counter(change.kind for change in self.changes))}


@dataclass
class StepRunner:
    """Runs the steps in the transaction of `connection`. Without `keep` it will be rolled back."""

    connection: Connection
    keep: bool
    report: Report = field(default_factory=Report)

    def alone(self, name: str, work: Callable[[], object]) -> None:
        """Run the work on one table; what PostgreSQL refuses is reported and rolled back, and stops no other table."""
        done = len(self.report.changes)
        self.connection.run("SAVEPOINT alone")
        try:
            work()
        except ServiceRefused as error:
            self.connection.run("ROLLBACK TO SAVEPOINT alone")
            del self.report.changes[done:]
            self.note(f"{name} is left as it is: {error}")
        self.connection.run("RELEASE SAVEPOINT alone")

    def run(self, statements: str, kind: ChangeKind, done: str) -> None:
        self.connection.run(statements)
        self.report.changes.append(SchemaChange(kind, done))

    def attempt(self, statements: str, kind: ChangeKind, done: str) -> None:
        """Run the statement; what PostgreSQL refuses is reported and rolled back alone."""
        self.connection.run("SAVEPOINT one")
        try:
            self.run(statements, kind, done)
        except ServiceRefused as error:
            self.connection.run("ROLLBACK TO SAVEPOINT one")
            self.note(f"not done: {done} ({error})")
        self.connection.run("RELEASE SAVEPOINT one")

    def note(self, line: str) -> None:
        self.report.notes.append(line)
