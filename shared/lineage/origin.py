"""Which load made a row: as the warehouse says, or as can be concluded from the manifests."""

from typing import NamedTuple

from shared.errors import Removed
from shared.frames import Frame
from shared.lineage.answers import LoadAnswer, Notes
from shared.lineage.lake import LineageLake, found_in
from shared.lineage.warehouse import LineageQueries, WarehouseRow
from shared.load.staging import former_of
from shared.warehouse.registry import Target

# Each is read with its parts, some ten milliseconds a piece, and a person waits.
MOST_WALKED = 50


class Origin(NamedTuple):
    """None: no load of ours, or none that can be identified."""

    load: LoadAnswer | None
    inferred: bool = False


def origin_of(target: Target, row: WarehouseRow, lake: LineageLake, warehouse: LineageQueries, notes: Notes) -> Origin:
    if len(row.loads) == 1:
        return Origin(row.loads[0])
    if target.kind == "fact":
        notes.add("no load of ours made this record: it was there before")
        return Origin(None)
    load = notes.tried(lambda: inferred(target, row.key, lake, warehouse, notes))
    found = "its manifests say that it is the same since then" if load else "and its manifests do not either"
    notes.add(
        "the warehouse does not say which load wrote this row (it was restored, or changed by hand), "
        f"{found}; the last {MOST_WALKED} were asked"
    )
    return Origin(load, inferred=load is not None)


def inferred(target: Target, key: str, lake: LineageLake, warehouse: LineageQueries, notes: Notes) -> LoadAnswer | None:
    """Return the first load since which the row equals the newest manifest with this key, as far as parts were kept.

    Raise MissingObject, BadDocument, Refused, CorruptObject, OtherDeclaration.
    """
    newest: Frame | None = None
    first = None
    for load in warehouse.last_loads(target, lake.newest.log if lake.newest else "", MOST_WALKED):
        try:
            rows = _rows(target, key, load, lake)
        except Removed as error:
            notes.add(str(error))
            break
        if rows is None:
            continue
        if newest is not None and not rows.equals(newest):
            break
        newest, first = rows, load
    return first


def _rows(target: Target, key: str, load: LoadAnswer, lake: LineageLake) -> Frame | None:
    """Return the row with the key in the load's manifest; None when the manifest does not contain it."""
    made = lake.written(target, load).manifest
    former = former_of(target, made)
    found = found_in(lake.processed, made.parts, target.columns, target.key, key, former)
    return found.rows if found else None
