"""The rights that the loader's login needs, and whether the warehouse shows it every row."""

from collections.abc import Callable, Sequence

from shared.ledger.views import views
from shared.load.schema import ddl
from shared.load.schema.inspector import Inspector
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

Try = Callable[[str, str], None]


class Granting:
    """`attempt` runs a statement and notes what it did; `say` notes what a person must do."""

    def __init__(self, inspector: Inspector, loader: str, attempt: Try, say: Callable[[str], None]) -> None:
        self._inspector, self._loader = inspector, loader
        self._attempt, self._say = attempt, say

    def has_login(self) -> bool:
        if self._inspector.has_login(self._loader):
            return True
        self._say(f"login {self._loader} does not exist: it was given no rights")
        return False

    def grant_schema(self, schema: str) -> None:
        database = self._inspector.database()
        self._grant(("TEMPORARY",), "database", database, quoted(database))
        # By its bare name: has_schema_privilege() takes no quotes.
        self._grant(("USAGE",), "schema", schema, quoted(schema))

    def grant_entry(self, schema: str) -> None:
        """Grant what a login needs that only reads."""
        database = self._inspector.database()
        self._grant(("CONNECT",), "database", database, quoted(database))
        self._grant(("USAGE",), "schema", schema, quoted(schema))

    def grant_target(self, target: Target) -> None:
        self.grant_relation(ddl.rights(target), target.name)
        sequence = self._inspector.sequence(target.name, target.record_id) if target.record_id else None
        if sequence:
            self._grant(("USAGE",), "sequence", sequence, sequence)

    def grant_views(self, target: Target) -> None:
        for view in views(target):
            if self._inspector.shape(view.name) is not None:
                self.grant_relation(("SELECT",), view.name)

    def grant_relation(self, rights: Sequence[str], name: str) -> None:
        self._grant(rights, "table", self._inspector.full(name), self._inspector.full(name))

    def _grant(self, rights: Sequence[str], kind: str, name: str, quoted_name: str) -> None:
        lacking = [right for right in rights if not self._inspector.may(self._loader, right, kind, name)]
        if lacking:
            statement = f"GRANT {', '.join(lacking)} ON {kind.upper()} {quoted_name} TO {quoted(self._loader)}"
            self._attempt(statement, f"{self._loader} may {', '.join(lacking)} on {kind} {name}")
