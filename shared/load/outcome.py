"""What a pass did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import PermanentError
from shared.load.health import LoadHealth, TableHealth


@dataclass
class LoadResult:
    """Filled while the pass goes on. `busy`: another loader was at work, and this one left. `stopped` are the
    tables that this pass does not try again, with the reason; `refused` why a person must look, and at which table;
    `seen_run` is how far it has looked."""

    log: str = ""
    newest_run: int = 0
    complete_run: int = 0
    seen_run: int = 0
    busy: bool = False
    loaded: int = 0
    changed: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def add_loaded(self, table: str, entries: int = 1) -> None:
        self.loaded += entries
        self.changed.add(table)

    def add_refused(self, reason: str, table: str) -> bool:
        """False when that was said before."""
        is_new = reason not in self.refused
        self.refused[reason] = table
        return is_new

    def health(
        self, at: datetime, tables: Mapping[str, TableHealth], stopped_by: PermanentError | None = None
    ) -> LoadHealth:
        return LoadHealth(
            at=at,
            log=self.log,
            newest_run=self.newest_run,
            complete_run=self.complete_run,
            loaded=self.loaded,
            waiting=self.waiting,
            refused={table: reason for reason, table in self.refused.items()},
            tables=dict(tables),
            seen_run=self.seen_run,
            stopped=type(stopped_by).__name__ if stopped_by else "",
            reason=str(stopped_by or ""),
        )

    @property
    def facts(self) -> dict[str, object]:
        """For the log line and the answer."""
        if self.busy:
            return {"busy": True, "loaded": 0, "waiting": {}, "refused": []}
        return {
            "run": self.newest_run,
            "complete_run": self.complete_run,
            "loaded": self.loaded,
            "waiting": self.waiting,
            "refused": list(self.refused),
        }
