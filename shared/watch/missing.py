"""Which manifests should be there by now, and which messages ask for them again. Pure."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta

from shared.lake.documents import ChangeMessage, RunRecord
from shared.lake.manifests import Place
from shared.ledger.backlog import tables_lacking
from shared.load.plan import brings_all
from shared.warehouse.registry import Target


def missing(records: Sequence[RunRecord], there: Set[Place], targets: Mapping[str, Target]) -> list[Place]:
    """The places without a manifest, in order, less those that a later full batch has made needless.

    `records` are in order, and all that came after the first of them. Among the tables that this code does not know
    those count that the newest run knew of: the watch that follows must find their places.
    """
    known = {*targets, *(records[-1].warehouse if records else ())}
    return [
        (record.run, table)
        for number, record in enumerate(records)
        for table in tables_lacking(record, there)
        if table in known and not _made_needless(targets.get(table), records[number + 1 :], there)
    ]


def _made_needless(target: Target | None, later: Sequence[RunRecord], there: Set[Place]) -> bool:
    """A full batch closes a dimension's gap. A fact's has versions that no later batch has: the loader waits for them.
    A set has no full batches, for it never forgets."""
    return (
        target is not None
        and target.kind == "dimension"
        and any(
            target.name in record.targets and (record.run, target.name) in there and brings_all(record, target)
            for record in later
        )
    )


def complete_run(before: int, records: Sequence[RunRecord], gaps: Sequence[Place]) -> int:
    """The last run before which nothing is missing: where the next look begins."""
    if gaps:
        return min(run for run, _ in gaps) - 1
    return records[-1].run if records else before


def overdue(records: Sequence[RunRecord], gaps: Sequence[Place], now: datetime, patience: timedelta) -> list[Place]:
    """The gaps of runs older than `patience`."""
    taken_at = {record.run: record.snapshot.taken_at for record in records}
    return [(run, table) for run, table in gaps if now - taken_at[run] > patience]


def message_for(record: RunRecord, target: Target) -> ChangeMessage:
    """What wakes the target's transform: any source of it that changed in the run will do, or any at all where the
    target was made of others then."""
    source = next((source for source in target.sources if source in record.changed), target.sources[0])
    return ChangeMessage(version=1, log=record.log, run=record.run, table=source)
