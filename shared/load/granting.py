"""The rights that the loader's login needs, and whether the warehouse shows it every row."""

from collections.abc import Callable, Iterable, Sequence

from shared.ledger.views import views
from shared.load import declared
from shared.load.present import Present
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

Try = Callable[[str, str], None]


class Granting:
    """`attempt` runs a statement and notes what it did; `say` notes what a person must do."""

    def __init__(self, present: Present, loader: str, attempt: Try, say: Callable[[str], None]) -> None:
        self._present, self._loader = present, loader
        self._attempt, self._say = attempt, say

    def has_login(self) -> bool:
        if self._present.has_login(self._loader):
            return True
        self._say(f"login {self._loader} does not exist: it was given no rights")
        return False

    def grant_schema(self, schema: str) -> None:
        database = self._present.database()
        self._grant(("TEMPORARY",), "database", database, quoted(database))
        # By its bare name: has_schema_privilege() takes no quotes.
        self._grant(("USAGE",), "schema", schema, quoted(schema))

    def grant_entry(self, schema: str) -> None:
        """Grant what a login needs that only reads."""
        database = self._present.database()
        self._grant(("CONNECT",), "database", database, quoted(database))
        self._grant(("USAGE",), "schema", schema, quoted(schema))

    def grant_target(self, target: Target) -> None:
        self.grant_relation(declared.rights(target), target.name)
        sequence = self._present.sequence(target.name, target.record_id) if target.record_id else None
        if sequence:
            self._grant(("USAGE",), "sequence", sequence, sequence)

    def grant_views(self, target: Target) -> None:
        for view in views(target):
            if self._present.shape(view.name) is not None:
                self.grant_relation(("SELECT",), view.name)

    def grant_relation(self, rights: Sequence[str], name: str) -> None:
        self._grant(rights, "table", self._present.full(name), self._present.full(name))

    def say_hidden_rows(self, names: Iterable[str]) -> None:
        for name in names:
            if self._present.hides_rows(name, self._loader):
                full = self._present.full(name)
                what = f"row-level security that holds for {self._loader}: rows that it hides would be added again"
                way_out = (
                    f"ALTER TABLE {full} DISABLE ROW LEVEL SECURITY, or ALTER ROLE {quoted(self._loader)} BYPASSRLS"
                )
                self._say(f"{name} has {what}, so it is not loaded; the way out: {way_out}")

    def _grant(self, rights: Sequence[str], kind: str, name: str, quoted_name: str) -> None:
        lacking = [right for right in rights if not self._present.may(self._loader, right, kind, name)]
        if lacking:
            statement = f"GRANT {', '.join(lacking)} ON {kind.upper()} {quoted_name} TO {quoted(self._loader)}"
            self._attempt(statement, f"{self._loader} may {', '.join(lacking)} on {kind} {name}")
