"""The declarations that a source table's rows have been read under. Pure."""

from collections.abc import Mapping

from shared.catalogue import SourceTable
from shared.warehouse.registry import Target


def schema_versions(table: SourceTable, targets: Mapping[str, Target]) -> dict[str, str]:
    """Return Cursor.read_for as of now: fingerprints of the table and of the warehouse tables made of it, by name."""
    made_of_it = {target.name: target.fingerprint for target in targets.values() if table.name in target.sources}
    return {table.name: table.fingerprint, **made_of_it}


def new_schema_version(before: Mapping[str, str] | None, now: Mapping[str, str]) -> str | None:
    """Return why rows read under the declarations `before` must be read again under those of `now`; None if not."""
    if before is None:
        return "read by a version that did not record what it read for"
    for name, declaration in now.items():
        if name not in before:
            return f"warehouse table {name} is new"
        if before[name] != declaration:
            return f"the declaration of {name} changed"
    return None
