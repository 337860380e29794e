"""Which runs a warehouse table still lacks. Pure; load, watch, status and lineage all use it."""

from collections.abc import Sequence, Set

from shared.lake.documents import RunRecord
from shared.lake.manifests import Place


def lacks(record: RunRecord, table: str, have: Set[Place]) -> bool:
    """Return whether the run brings the table something that is not among the places in `have`."""
    return table in record.targets and (record.run, table) not in have


def lacking(records: Sequence[RunRecord], table: str, have: Set[Place]) -> list[RunRecord]:
    """Return the runs of which the table lacks something, in their order."""
    return [record for record in records if lacks(record, table, have)]


def tables_lacking(record: RunRecord, have: Set[Place]) -> list[str]:
    """Return the tables that lack something of the run."""
    return [table for table in record.targets if lacks(record, table, have)]
