"""What is wrong with a stack, as codes and facts; shared/wording/status.py makes sentences of them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from shared.wording.incidents import DEAD_LETTERS
from shared.wording.status import problem_command, problem_text

if TYPE_CHECKING:
    from shared.status.status import Status, TableStatus

# Watch checks each minute, and one check may be late by another.
WATCH_SILENT_S = 150
ProblemCode = Literal[
    "paused",
    "watch_never_ran",
    "watch_silent",
    "warehouse_silent",
    "incident",
    "dead_letters",
    "rows_differ",
    "not_read",
    "stranger",
    "alerts_reach_nobody",
]


@dataclass(frozen=True)
class Problem:
    """One problem. `subject` is the table, object or incident concerned; `facts` are what its sentence is made of."""

    code: ProblemCode
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        """Return the code and facts, and what people read: a sentence, and the command that helps."""
        described = {"code": self.code, "subject": self.subject, **self.facts}
        return described | {"text": problem_text(described), "command": problem_command(described)}


def problems(status: "Status") -> Iterator[Problem]:
    """Yield all problems. Dead letters are also an incident, a minute later: then only that is reported."""
    if status.paused_since:
        yield Problem("paused", facts={"since": status.paused_since})
    if status.watched_s is None:
        yield Problem("watch_never_ran")
    elif status.watched_s > WATCH_SILENT_S:
        yield Problem("watch_silent", facts={"seconds": status.watched_s})
    if status.no_answer:
        yield Problem("warehouse_silent", facts={"reason": status.no_answer})
    yield from (Problem("incident", each.subject, {"kind": each.kind}) for each in status.incidents)
    open_ = {(each.kind, each.subject) for each in status.incidents}
    for table in status.tables:
        is_reported = (DEAD_LETTERS.name, table.table) in open_
        yield from (each for each in _of_table(table) if not (is_reported and each.code == "dead_letters"))
    yield from (Problem("stranger", url) for url in status.strangers)
    if status.alerts and status.alerts.via == "nobody":
        yield Problem("alerts_reach_nobody", facts={"reason": status.alerts.reason})


def _of_table(table: "TableStatus") -> Iterator[Problem]:
    if table.dead_letters:
        yield Problem("dead_letters", table.table)
    if table.resync:
        facts = {"rows": table.there, "source_rows": table.expected, "resync": table.resync}
        yield Problem("rows_differ", table.table, facts)
    if table.held:
        yield Problem("not_read", table.table, {"reason": table.held})
