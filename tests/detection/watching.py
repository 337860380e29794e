"""What each run's snapshot could see, recorded in full in the run's own transaction, and what the run made of it.

The truth of a run is the difference of two complete snapshots. Two ways of asking what changed that are in wide use
look at the very same snapshots: rows whose last_updated is later than the latest seen, and rows whose transaction
pg_visible_in_snapshot() says the run before could not see.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from pg8000.native import Connection as Native

from shared.postgres.connection import Connection
from shared.source.readers.postgres.sql import SNAPSHOT


class Version(NamedTuple):
    """One version of a row: its key, the transaction that made it, and where it lies."""

    key: int
    xmin: str
    ctid: str


class Facts(NamedTuple):
    stamp: str
    last_updated: datetime
    said_visible: bool


Look = dict[Version, Facts]
"""A table at a snapshot."""

LOOK = """
SELECT {table}_id, CAST(xmin AS text), CAST(ctid AS text), CAST({column} AS text), last_updated,
       pg_visible_in_snapshot(CAST(CAST(xmin AS text) AS xid8), CAST(:before AS pg_snapshot)) FROM public.{table}
"""
NOTHING = "3:3:"  # the snapshot that sees no transaction


class Watched(Connection):
    """The product's connection; `look` is called as soon as the run has its snapshot, in the same transaction."""

    def __init__(self, made: Connection, look: Callable[[Native], None]) -> None:
        super().__init__(made.database, made._native)
        self._look = look

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        rows = super().run(sql, **params)
        if sql == SNAPSHOT:
            self._look(self._native)
        return rows


@dataclass
class Eyes:
    """`looks` and `snapshot` are of the last attempt; `before` is the snapshot of the last run that was committed."""

    stamped: dict[str, str]
    before: str = NOTHING
    snapshot: str = ""
    looks: dict[str, Look] = field(default_factory=dict)

    def look(self, native: Native) -> None:
        self.snapshot = native.run("SELECT CAST(pg_current_snapshot() AS text)")[0][0]
        self.looks = {table: self._table(native, table, column) for table, column in self.stamped.items()}

    def _table(self, native: Native, table: str, column: str) -> Look:
        rows = native.run(LOOK.format(table=table, column=column), before=self.before)
        return {Version(*row[:3]): Facts(*row[3:]) for row in rows}


@dataclass
class Control:
    """A way to ask what changed: what it has brought in all."""

    brought: set[Version] = field(default_factory=set)
    latest: datetime = datetime.min

    def by_clock(self, now: Look) -> None:
        self.brought |= {version for version, facts in now.items() if facts.last_updated > self.latest}
        self.latest = max([self.latest, *(facts.last_updated for facts in now.values())])

    def by_snapshot(self, now: Look) -> None:
        self.brought |= {version for version, facts in now.items() if not facts.said_visible}


@dataclass
class Judge:
    """One table: every version that a run's snapshot could see, and how often the runs brought it."""

    versions: set[Version] = field(default_factory=set)
    before: Look = field(default_factory=dict)
    copy: dict[int, str] = field(default_factory=dict)
    clock: Control = field(default_factory=Control)
    snapshot: Control = field(default_factory=Control)
    full: int = 0
    delta: int = 0
    in_deltas: int = 0

    def judge(self, mode: str, brought: list[tuple[int, str]], now: Look) -> None:
        """A delta brings each new version once and nothing else, a full batch each version of the snapshot once."""
        new = now.keys() - self.before.keys()
        wanted = sorted((version.key, now[version].stamp) for version in (now if mode == "full" else new))
        assert sorted(brought) == wanted
        self.copy = dict(brought) if mode == "full" else {**self.copy, **dict(brought)}
        assert self.copy == {version.key: facts.stamp for version, facts in now.items()}, "what is gone is still there"
        self.clock.by_clock(now)
        self.snapshot.by_snapshot(now)
        self.versions |= new
        self.full += mode == "full"
        self.delta += mode == "delta"
        self.in_deltas += len(new) if mode == "delta" else 0
        self.before = now

    @property
    def clock_lost(self) -> int:
        return len(self.versions - self.clock.brought)

    @property
    def snapshot_lost(self) -> int:
        return len(self.versions - self.snapshot.brought)
