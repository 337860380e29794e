"""What a table takes next. Pure: from the run log, the manifests that are there, and the ledger.

A table takes its runs in the order of the log. A set takes them in any order: it only grows.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.lake.documents import RunRecord
from shared.lake.manifests import Place
from shared.load.bounds import Bounds, together
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class Apply:
    """Load the manifest of `run`."""

    run: int


@dataclass(frozen=True)
class Supersede:
    """Go on without `runs`: the full batch of `by` brings all that they would have brought."""

    runs: tuple[int, ...]
    by: int


@dataclass(frozen=True)
class Wait:
    """There is no going on before `run` is there."""

    run: int


@dataclass(frozen=True)
class Enter:
    """Enter `runs` in the ledger again without loading them: that of `by`, which follows them, was loaded, and so were
    they. Loaded again, they would be taken for changes."""

    runs: tuple[int, ...]
    by: int


Step = Apply | Supersede | Enter | Wait | None
"""None: the table has all that the log says."""


@dataclass(frozen=True)
class Look:
    """What the loader sees. `records` are those after the last complete run, in order; `there` where manifests
    are; `patience` how long what is missing is given; `warehouse` all tables that the newest run knew of; `last_runs`
    what each table took last, also where the ledger's rows were deleted. While the pass goes on, `taken` grows with the
    ledger, and `hopeless` by the manifests that cannot be loaded, with the reason.
    """

    records: Sequence[RunRecord]
    there: Set[Place]
    taken: set[Place]
    now: datetime
    patience: timedelta
    hopeless: dict[Place, str]
    warehouse: Collection[str] = ()
    last_runs: dict[str, int] = field(default_factory=dict)

    def expected(self, table: str) -> list[RunRecord]:
        """The records that must bring `table` something that it has not taken yet."""
        return [r for r in self.records if table in r.targets and (r.run, table) not in self.taken]

    def record(self, run: int) -> RunRecord:
        return next(record for record in self.records if record.run == run)

    def is_there(self, record: RunRecord, table: str) -> bool:
        place = (record.run, table)
        return place in self.there and place not in self.hopeless

    def is_overdue(self, record: RunRecord, table: str) -> bool:
        """Whether nobody need wait for this one any more."""
        return (record.run, table) in self.hopeless or not self.is_young(record)

    def is_young(self, record: RunRecord) -> bool:
        return self.now - record.snapshot.taken_at < self.patience


def next_step(target: Target, look: Look) -> Step:
    expected = look.expected(target.name)
    there = [record for record in expected if look.is_there(record, target.name)]
    if not expected:
        return None
    if gone := _entries_that_are_gone(target, look, expected):
        return gone
    if there and (target.kind == "calendar" or there[0] is expected[0]):
        return Apply(there[0].run)
    return _past_the_gap(target, look, expected, there) or Wait(expected[0].run)


def _entries_that_are_gone(target: Target, look: Look, expected: Sequence[RunRecord]) -> Enter | None:
    """Of a table that takes its runs in order all before the last were taken: a missing entry was deleted by hand."""
    taken = (run for run, table in look.taken if table == target.name)
    last = max(look.last_runs.get(target.name, 0), *taken, 0)
    runs = tuple(record.run for record in expected if record.run < last)
    return Enter(runs, last) if runs and target.kind != "calendar" else None


def _past_the_gap(
    target: Target, look: Look, expected: Sequence[RunRecord], there: Sequence[RunRecord]
) -> Supersede | None:
    """A full batch behind the gap makes what is missing needless, but not what is there before it.

    A fact's missing run holds versions that no later batch has, so it is given some time to come: else two
    manifests that arrive the wrong way round would cost history. A dimension has none to lose.
    """
    full = next((record for record in there if target.kind != "calendar" and brings_all(record, target)), None)
    if full is None:
        return None
    missing = [r for r in expected if r.run < full.run and not look.is_there(r, target.name)]
    if target.kind == "fact" and not all(look.is_overdue(record, target.name) for record in missing):
        return None
    return Supersede(tuple(record.run for record in missing), full.run)


def brings_all(record: RunRecord, target: Target) -> bool:
    """Whether what this run makes of `target` is its whole content.

    Rows are made one by one from the first source. Where that has no batch in the run, another one changed, and
    the rows are made afresh from all that there is.
    """
    batch = record.state(target.sources[0]).batch
    return batch is None or batch.mode == "full"


def compares_all(record: RunRecord, target: Target) -> bool:
    """Whether the run brings all that the table should hold, so that what it finds to be missing is put back."""
    if target.kind != "calendar":
        return brings_all(record, target)
    batches = [record.state(source).batch for source in target.sources]
    return all(batch is not None and batch.mode == "full" for batch in batches)


def newest_change(record: RunRecord, target: Target) -> datetime | None:
    """The newest change that a run has read of what the table is made of."""
    batches = [record.state(source).batch for source in target.sources]
    times = [batch.newest_change_at for batch in batches if batch and batch.newest_change_at]
    return max(times, default=None)


def bounds(record: RunRecord, target: Target) -> Bounds:
    """Of all that the run has read of what the table is made of."""
    batches = [record.state(source).batch for source in target.sources]
    return together([Bounds(batch.changed_after, batch.left_out) for batch in batches if batch])


def is_awaited(dimension: str, run: int, look: Look) -> bool:
    """Whether a fact's manifest of `run` waits for `dimension`: it has runs to take up to this one, and it is not
    too long ago."""
    return look.is_young(look.record(run)) and any(other.run <= run for other in look.expected(dimension))


def awaited_from(target: Target, look: Look) -> dict[str, int]:
    """Per dimension of a fact, its first run that is still to be loaded, if there is one that can be."""
    dimensions = {dimension for dimension, _ in target.references.values()}
    to_come = {
        dimension: [r.run for r in look.expected(dimension) if (r.run, dimension) not in look.hopeless]
        for dimension in dimensions
    }
    return {dimension: runs[0] for dimension, runs in to_come.items() if runs}


def complete_run(before: int, targets: Mapping[str, Target], look: Look) -> int:
    """The last run of which, and before which, every table has all.

    Of a table that this code does not know, the newest run says whether it is gone, and so has no say, or new: then
    this code is about to be replaced, and that which follows must find all its runs.
    """
    known = {*targets, *look.warehouse}
    for record in look.records:
        if any(table in known and (record.run, table) not in look.taken for table in record.targets):
            return before
        before = record.run
    return before
