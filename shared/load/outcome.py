"""What a pass did, and what it leaves for others to see."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec


class Health(msgspec.Struct, frozen=True):
    """health/load.json, of the last pass that held the lock; no source of truth.

    `loaded` counts ledger entries made; `waiting` says per table what it waits for, `refused` what a person must
    look at.
    """

    at: datetime
    log: str
    newest_run: int
    complete_run: int
    loaded: int
    waiting: dict[str, str]
    refused: tuple[str, ...]


@dataclass
class Outcome:
    """Filled while the pass goes on. `busy`: another loader was at work, and this one left. `stopped` are the
    tables that this pass does not try again, with the reason."""

    log: str = ""
    newest_run: int = 0
    complete_run: int = 0
    busy: bool = False
    loaded: int = 0
    changed: set[str] = field(default_factory=set)
    waiting: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    refused: dict[str, None] = field(default_factory=dict)

    def add_loaded(self, table: str, entries: int = 1) -> None:
        self.loaded += entries
        self.changed.add(table)

    def add_refused(self, reason: str) -> bool:
        """False when that was said before."""
        is_new = reason not in self.refused
        self.refused[reason] = None
        return is_new

    def health(self, at: datetime) -> Health:
        return Health(
            at=at,
            log=self.log,
            newest_run=self.newest_run,
            complete_run=self.complete_run,
            loaded=self.loaded,
            waiting=self.waiting,
            refused=tuple(self.refused),
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
