"""Decide what a table loads next. Pure: from the run log, the manifests that are available, and the ledger.

A table applies its runs in the order of the log. A calendar dimension applies them in any order: it only grows.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.lake.documents import RunRecord
from shared.lake.manifests import Place
from shared.ledger.backlog import lacking, tables_lacking
from shared.load.bounds import Bounds, together
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class Apply:
    """Load the manifest of `run`."""

    run: int


@dataclass(frozen=True)
class Supersede:
    """Continue without `runs`: the full batch of `by` brings everything that they would have brought."""

    runs: tuple[int, ...]
    by: int


@dataclass(frozen=True)
class Wait:
    """Load nothing before the manifest of `run` is available."""

    run: int


@dataclass(frozen=True)
class Enter:
    """Enter `runs` in the ledger again without loading them: they were loaded before `by`, and now would be taken for
    changes."""

    runs: tuple[int, ...]
    by: int


Step = Apply | Supersede | Enter | Wait | None
"""None: the table has everything that the log says."""


@dataclass(frozen=True)
class LoaderView:
    """What the loader knows in one pass. `records` are those after the last complete run, in order; `available` has the
    places of manifests; `grace_period` is how long the loader waits for a missing manifest; `warehouse` has all tables
    that the newest run knew; `last_runs` the run that each table applied last, also where the ledger's rows were
    deleted. During the pass `applied` grows with the ledger, and `unloadable` by the manifests that cannot be loaded,
    with the reason.
    """

    records: Sequence[RunRecord]
    available: Set[Place]
    applied: set[Place]
    now: datetime
    grace_period: timedelta
    unloadable: dict[Place, str]
    warehouse: Collection[str] = ()
    last_runs: dict[str, int] = field(default_factory=dict)

    def expected(self, table: str) -> list[RunRecord]:
        """Return the records of which `table` still lacks something."""
        return lacking(self.records, table, self.applied)

    def record(self, run: int) -> RunRecord:
        return next(record for record in self.records if record.run == run)

    def is_available(self, record: RunRecord, table: str) -> bool:
        place = (record.run, table)
        return place in self.available and place not in self.unloadable

    def is_overdue(self, record: RunRecord, table: str) -> bool:
        """Return whether the loader need not wait for this run any longer."""
        return (record.run, table) in self.unloadable or not self.is_young(record)

    def is_young(self, record: RunRecord) -> bool:
        return self.now - record.snapshot.taken_at < self.grace_period


def next_step(target: Target, view: LoaderView) -> Step:
    expected = view.expected(target.name)
    available = [record for record in expected if view.is_available(record, target.name)]
    if not expected:
        return None
    if gone := _entries_that_are_gone(target, view, expected):
        return gone
    if available and (target.kind == "calendar" or available[0] is expected[0]):
        return Apply(available[0].run)
    return _past_the_gap(target, view, expected, available) or Wait(expected[0].run)


def _entries_that_are_gone(target: Target, view: LoaderView, expected: Sequence[RunRecord]) -> Enter | None:
    """Return the runs before the last one applied that have no entry: a table applies its runs in order, so those
    entries were deleted by hand."""
    applied = (run for run, table in view.applied if table == target.name)
    last = max(view.last_runs.get(target.name, 0), *applied, 0)
    runs = tuple(record.run for record in expected if record.run < last)
    return Enter(runs, last) if runs and target.kind != "calendar" else None


def _past_the_gap(
    target: Target, view: LoaderView, expected: Sequence[RunRecord], available: Sequence[RunRecord]
) -> Supersede | None:
    """Return the step that leaves out missing runs before a full batch, but no run before it that is available.

    A fact's missing run holds versions that no later batch has, so it has the grace period: otherwise two manifests
    that arrive in the wrong order would cost history. A dimension has no history to lose.
    """
    full = next((record for record in available if target.kind != "calendar" and brings_all(record, target)), None)
    if full is None:
        return None
    missing = [r for r in expected if r.run < full.run and not view.is_available(r, target.name)]
    if target.kind == "fact" and not all(view.is_overdue(record, target.name) for record in missing):
        return None
    return Supersede(tuple(record.run for record in missing), full.run)


def brings_all(record: RunRecord, target: Target) -> bool:
    """Return whether the run brings the whole content of `target`.

    Each row is made from one row of the first source. If that has no batch in the run, another source changed, and all
    rows are made again.
    """
    batch = record.state(target.sources[0]).batch
    return batch is None or batch.mode == "full"


def compares_all(record: RunRecord, target: Target) -> bool:
    """Return whether the run brings everything that the table should contain, so that missing rows are restored."""
    if target.kind != "calendar":
        return brings_all(record, target)
    batches = [record.state(source).batch for source in target.sources]
    return all(batch is not None and batch.mode == "full" for batch in batches)


def newest_change(record: RunRecord, target: Target) -> datetime | None:
    """Return the newest change that the run has read in the table's sources."""
    batches = [record.state(source).batch for source in target.sources]
    times = [batch.newest_change_at for batch in batches if batch and batch.newest_change_at]
    return max(times, default=None)


def bounds(record: RunRecord, target: Target) -> Bounds:
    """Return the bounds of everything that the run has read in the table's sources."""
    batches = [record.state(source).batch for source in target.sources]
    return together([Bounds(batch.changed_after, batch.left_out) for batch in batches if batch])


def is_awaited(dimension: str, run: int, view: LoaderView) -> bool:
    """Return whether a fact's manifest of `run` waits for `dimension`: the run is in its grace period, and the
    dimension has runs to apply up to it."""
    return view.is_young(view.record(run)) and any(other.run <= run for other in view.expected(dimension))


def awaited_from(target: Target, view: LoaderView) -> dict[str, int]:
    """Return, per dimension of a fact, its first run that is still to be loaded, if any can be."""
    dimensions = {dimension for dimension, _ in target.references.values()}
    to_come = {
        dimension: [r.run for r in view.expected(dimension) if (r.run, dimension) not in view.unloadable]
        for dimension in dimensions
    }
    return {dimension: runs[0] for dimension, runs in to_come.items() if runs}


def complete_run(before: int, targets: Mapping[str, Target], view: LoaderView) -> int:
    """Return the highest run up to which every table has applied every run expected of it.

    A table that this code does not know counts only if the newest run knows it: then this code is about to be replaced,
    and the code that follows must find all of the table's runs.
    """
    known = {*targets, *view.warehouse}
    for record in view.records:
        if known.intersection(tables_lacking(record, view.applied)):
            return before
        before = record.run
    return before
