"""What watch has seen of the stack in one look, and the numbers that follow from it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.alerts.metrics import (
    DEAD_LETTERS,
    FRESHNESS,
    OLDEST_MESSAGE,
    OPEN_INCIDENTS,
    ROWS_QUARANTINED,
    ROWS_WAITING,
    TABLES_BEHIND,
    TABLES_HELD,
)
from shared.lake.documents import Hold, RunRecord
from shared.load.health import Health as LoadHealth
from shared.load.health import Missing, TableHealth
from shared.source.health import Health as ExtractHealth
from shared.source.health import Postponed
from shared.warehouse.registry import Target
from shared.watch.freshness import fresh_as_of


class Depths(NamedTuple):
    """Messages of a table's queue, waiting or being worked on, and of its dead-letter queue."""

    messages: int = 0
    dead_letters: int = 0


@dataclass(frozen=True)
class Seen:
    """`pending` are the records after those that the loader has seen, in order. `extract` and `load` are the last words
    of those two, None when they never spoke. `quiet_until` is when there last was a reason for silence: a pause, or
    that nobody looked; ages count from there. `now` and it are UTC with their zone. `remembered` is what fresh_as_of
    was in the look before, by warehouse table. `unreadable` says why the run log could not be read; then `newest` and
    `pending` are empty.
    """

    now: datetime
    quiet_until: datetime
    objective: timedelta
    targets: Mapping[str, Target]
    extract: ExtractHealth | None = None
    load: LoadHealth | None = None
    newest: RunRecord | None = None
    pending: Sequence[RunRecord] = ()
    queues: Mapping[str, Depths] = field(default_factory=dict)
    remembered: Mapping[str, datetime] = field(default_factory=dict)
    unreadable: str = ""

    def age_s(self, at: datetime | None) -> float:
        """Seconds since `at`, or since never; UTC with or without its zone."""
        since = max(_aware(at), self.quiet_until) if at else self.quiet_until
        return round(max((self.now - since).total_seconds(), 0.0), 1)

    def lag_s(self, at: datetime) -> float:
        """Seconds since `at`, with or without a reason."""
        return (self.now - _aware(at)).total_seconds()

    def is_too_old(self, at: datetime | None) -> bool:
        return self.age_s(at) > self.objective.total_seconds()

    def table(self, table: str) -> TableHealth:
        return self.load.tables.get(table, TableHealth()) if self.load else TableHealth()

    def depths(self, table: str) -> Depths:
        return self.queues.get(table, Depths())

    def missing(self, target: Target) -> Missing | None:
        """The first run that the table has not taken: as the loader says, or of those that it has not seen."""
        unseen = (Missing(r.run, r.snapshot.taken_at) for r in self.pending if target.name in r.targets)
        return self.table(target.name).missing or next(unseen, None)

    def holds(self) -> dict[str, Hold]:
        """By source table."""
        states = self.newest.tables if self.newest else {}
        return {name: state.hold for name, state in states.items() if state.hold}

    def postponed(self) -> dict[str, Postponed]:
        """By source table: what extract's newest look could not read, and is not held."""
        found = self.extract.postponed if self.extract else {}
        return {name: each for name, each in found.items() if name not in self.holds()}

    def fresh_as_of(self, target: Target) -> datetime | None:
        return fresh_as_of(
            self.table(target.name).snapshot_at,
            self.extract.snapshot_at if self.extract else None,
            self.remembered.get(target.name),
            is_behind=self.missing(target) is not None,
            is_held=not {*self.holds(), *self.postponed()}.isdisjoint(target.sources),
        )

    @property
    def is_counted(self) -> bool:
        """Whether the loader says what waits and what is set aside: a pass that was stopped has counted nothing."""
        return self.load is not None and not self.load.stopped

    def all_fresh_as_of(self) -> dict[str, datetime]:
        """By warehouse table, those that were ever loaded."""
        times = {target.name: self.fresh_as_of(target) for target in self.targets.values()}
        return {name: at for name, at in times.items() if at}


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def metrics(seen: Seen, open_incidents: int) -> dict[str, float]:
    """The numbers that CloudWatch is given each minute, by their names; those that nobody knows now are left out."""
    tables = [seen.table(name) for name in seen.targets]
    missing = [seen.missing(target) for target in seen.targets.values()]
    lags = [seen.lag_s(at) for at in seen.all_fresh_as_of().values()]
    known: dict[str, float] = {
        OPEN_INCIDENTS.name: open_incidents,
        DEAD_LETTERS.name: sum(depths.dead_letters for depths in seen.queues.values()),
    }
    if lags:
        known[FRESHNESS.name] = max(lags)
    if not seen.unreadable:
        known[TABLES_HELD.name] = len(seen.holds())
    if seen.is_counted:
        known |= {
            OLDEST_MESSAGE.name: max((seen.age_s(each.since) for each in missing if each), default=0.0),
            TABLES_BEHIND.name: sum(each is not None for each in missing),
            ROWS_WAITING.name: sum(table.waiting for table in tables),
            ROWS_QUARANTINED.name: sum(table.quarantined for table in tables),
        }
    return known
