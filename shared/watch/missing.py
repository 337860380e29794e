"""Which manifests should be there by now, and which messages ask for them again. Pure."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta

from shared.lake.documents import ChangeMessage, RunRecord
from shared.lake.manifests import Place
from shared.ledger.backlog import tables_lacking
from shared.load.plan import brings_all
from shared.warehouse.registry import Target


def missing(records: Sequence[RunRecord], made: Set[Place], targets: Mapping[str, Target]) -> list[Place]:
    """Return the places without a manifest, in order, less those that a later full batch has made unnecessary.

    `records` are in order, and all that came after the first of them. A table that this code does not know counts if
    the newest run knew it: the watch that follows must find its places.
    """
    known = {*targets, *(records[-1].warehouse if records else ())}
    return [
        (record.run, table)
        for number, record in enumerate(records)
        for table in tables_lacking(record, made)
        if table in known and not _is_unnecessary(targets.get(table), records[number + 1 :], made)
    ]


def _is_unnecessary(target: Target | None, later: Sequence[RunRecord], made: Set[Place]) -> bool:
    """Return whether a full batch closes a dimension's gap.

    A fact's gap has versions that no later batch has: the loader waits for them. A calendar dimension has no full
    batches, because it deletes nothing.
    """
    return (
        target is not None
        and target.kind == "dimension"
        and any(
            target.name in record.targets and (record.run, target.name) in made and brings_all(record, target)
            for record in later
        )
    )


def complete_run(before: int, records: Sequence[RunRecord], gaps: Sequence[Place]) -> int:
    """Return the last run before which nothing is missing: where the next check begins."""
    if gaps:
        return min(run for run, _ in gaps) - 1
    return records[-1].run if records else before


def overdue(records: Sequence[RunRecord], gaps: Sequence[Place], now: datetime, grace_period: timedelta) -> list[Place]:
    """Return the gaps of runs older than `grace_period`."""
    taken_at = {record.run: record.snapshot.taken_at for record in records}
    return [(run, table) for run, table in gaps if now - taken_at[run] > grace_period]


def message_for(record: RunRecord, target: Target) -> ChangeMessage:
    """Return the message that wakes the target's transform.

    Any source of it that changed in the run will do, or any source where the target was made of others then.
    """
    source = next((source for source in target.sources if source in record.changed), target.sources[0])
    return ChangeMessage(version=1, log=record.log, run=record.run, table=source)
