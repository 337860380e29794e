"""What watch observes of the stack in one check, and the metrics that follow from it. Pure."""

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
from shared.load.health import LoadHealth, Missing, TableHealth
from shared.source.health import ExtractHealth, Postponed
from shared.warehouse.registry import Target
from shared.watch.freshness import fresh_as_of


class Depths(NamedTuple):
    """The number of messages in a table's queue, waiting or in flight, and in its dead-letter queue."""

    messages: int = 0
    dead_letters: int = 0


@dataclass(frozen=True)
class Observation:
    """One check's view of the stack.

    `pending` are the records after those that the loader has seen, in order. `extract` and `load` are the health
    documents of those two, None where there is none. `grace_started_at` is when there last was a reason for silence, a
    pause or a gap between checks: ages count from there. It and `now` are UTC with their zone. `remembered` is the
    previous check's fresh_as_of by warehouse table. `dead_since` is when a table's last dead letter appeared.
    `unreadable` says why the run log could not be read; then `newest` and `pending` are empty. `unreadable_since` is
    when a check first found it so, for a reason that may pass. `account_expires` is when the account ends, None for
    never.
    """

    now: datetime
    grace_started_at: datetime
    objective: timedelta
    targets: Mapping[str, Target]
    extract: ExtractHealth | None = None
    load: LoadHealth | None = None
    newest: RunRecord | None = None
    pending: Sequence[RunRecord] = ()
    queues: Mapping[str, Depths] = field(default_factory=dict)
    remembered: Mapping[str, datetime] = field(default_factory=dict)
    dead_since: Mapping[str, datetime] = field(default_factory=dict)
    unreadable: str = ""
    unreadable_since: datetime | None = None
    account_expires: datetime | None = None

    def age_s(self, at: datetime | None) -> float:
        """Return the seconds since `at`, UTC with or without its zone, counted from grace_started_at at the
        earliest."""
        since = max(_aware(at), self.grace_started_at) if at else self.grace_started_at
        return round(max((self.now - since).total_seconds(), 0.0), 1)

    def lag_s(self, at: datetime) -> float:
        """Return the seconds since `at`, without any grace period."""
        return (self.now - _aware(at)).total_seconds()

    def is_too_old(self, at: datetime | None) -> bool:
        return self.age_s(at) > self.objective.total_seconds()

    def has_outlasted(self, since: datetime | None, until: datetime | None) -> bool:
        """Return whether what began at `since`, None for never, had lasted longer than the objective at `until`, and
        the grace period is over."""
        if since is None or until is None:
            return since is None and self.is_too_old(None)
        return _aware(until) - _aware(since) > self.objective and self.is_too_old(None)

    @property
    def is_unreadable_for_good(self) -> bool:
        """Return whether a person must look: an error that may pass gets as long as the objective."""
        since = self.unreadable_since
        return bool(self.unreadable) and (since is None or self.lag_s(since) > self.objective.total_seconds())

    @property
    def loaded_until(self) -> datetime | None:
        """Return when load last ended a pass. A run that was late then is late by itself, not because load is
        silent."""
        return self.load.at if self.load else None

    @property
    def worked_until(self) -> datetime | None:
        """Return the last time at which both extract and load worked. The silence of one of them since then makes no
        table old."""
        read_until = self.extract.snapshot_at if self.extract else None
        if read_until is None or self.loaded_until is None:
            return None
        return min(_aware(read_until), _aware(self.loaded_until))

    def table(self, table: str) -> TableHealth:
        return self.load.tables.get(table, TableHealth()) if self.load else TableHealth()

    def may_be_dead(self, table: str, missing: Missing) -> bool:
        """Return whether the run's message may be one of the table's dead letters: not if all of them are older."""
        if not self.depths(table).dead_letters:
            return False
        return _aware(missing.since) <= self.dead_since.get(table, self.now)

    def depths(self, table: str) -> Depths:
        return self.queues.get(table, Depths())

    def missing(self, target: Target) -> Missing | None:
        """Return the first run that the table lacks, of those that the loader has seen, else of `pending`."""
        unseen = (Missing(r.run, r.snapshot.taken_at) for r in self.pending if target.name in r.targets)
        return self.table(target.name).missing or next(unseen, None)

    def holds(self) -> dict[str, Hold]:
        """Return the held source tables."""
        states = self.newest.tables if self.newest else {}
        return {name: state.hold for name, state in states.items() if state.hold}

    def postponed(self) -> dict[str, Postponed]:
        """Return the source tables that extract's last check could not read and that are not held."""
        found = self.extract.postponed if self.extract else {}
        return {name: each for name, each in found.items() if name not in self.holds()}

    def is_held(self, target: Target) -> bool:
        """Return whether a source of the table is held or postponed."""
        return not {*self.holds(), *self.postponed()}.isdisjoint(target.sources)

    def fresh_as_of(self, target: Target) -> datetime | None:
        return fresh_as_of(
            self.table(target.name).snapshot_at,
            self.extract.snapshot_at if self.extract else None,
            self.remembered.get(target.name),
            is_behind=self.missing(target) is not None,
            is_held=self.is_held(target),
        )

    @property
    def is_counted(self) -> bool:
        """Return whether the loader counted waiting and quarantined rows: a pass that was stopped did not."""
        return self.load is not None and not self.load.stopped

    def all_fresh_as_of(self) -> dict[str, datetime]:
        """Return fresh_as_of by warehouse table, of those that were ever loaded."""
        times = {target.name: self.fresh_as_of(target) for target in self.targets.values()}
        return {name: at for name, at in times.items() if at}


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def metrics(seen: Observation, open_incidents: int) -> dict[str, float]:
    """Return the metrics for CloudWatch by their names; those that are unknown now are left out."""
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
