"""How a present table differs from its declaration, in lines for a person. Pure.

A column that holds every value exactly is no difference: bigint for integer, numeric without limits, text.
"""

import re
from collections.abc import Iterator

from shared.columns import DATE, TEXT, TIME, TIMESTAMP, Column, Decimal, Kind
from shared.load.schema.shape import Shape, ShapeColumn, full_name, obstacles, retype
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

QUARANTINES_ROW = "puts its row into quarantine"


def differences(target: Target, shape: Shape, schema: str) -> list[str]:
    """Return first what keeps the table from being loaded, then what a load loses: one line a column or constraint."""
    stops = [f"{what}, and is not loaded; the way out: {way_out}" for what, way_out in obstacles(target, shape, schema)]
    if not shape.is_table:
        return stops
    return [*stops, *_of_columns(target, shape, schema), *_of_table(target, shape, schema)]


def _of_columns(target: Target, shape: Shape, schema: str) -> Iterator[str]:
    for column in target.columns:
        existing = shape.column(column.name)
        if existing is None:
            continue
        place = f"{target.name}.{column.name}"
        alter = f"ALTER TABLE {full_name(schema, target.name)} ALTER COLUMN {quoted(column.name)}"
        if existing.accepts(column.kind) and not existing.holds_exactly(column.kind):
            type_ = column.kind.warehouse_type
            way_out = retype(target, schema, column.name, type_)
            yield f"{place} is {existing.type}, declared {type_}: {loss(existing, column)}; the way out: {way_out}"
        if existing.required and column.nullable:
            way_out = f"{alter} DROP NOT NULL"
            yield f"{place} may not be null, declared that it may: a null {QUARANTINES_ROW}; the way out: {way_out}"
        if not existing.required and not column.nullable:
            yield f"{place} may be null, declared that it may not: kept"


def loss(existing: ShapeColumn, column: Column) -> str:
    """Return what a column that does not hold every value exactly does to some."""
    if existing.is_domain:
        return f"a value that the domain refuses {QUARANTINES_ROW}"
    if existing.is_enum:
        return f"a value that the type does not have {QUARANTINES_ROW}"
    if column.kind != TEXT and existing.category == "S":
        return f"it is kept as a text, and one that is too long {QUARANTINES_ROW}"
    limits = [int(number) for number in re.findall(r"-?\d+", existing.type)]
    return _loss_of_texts(existing, limits) if column.kind == TEXT else _loss_of_others(existing, column.kind, limits)


def _loss_of_texts(existing: ShapeColumn, limits: list[int]) -> str:
    longest = f"a text of more than {limits[0] if limits else 1} characters {QUARANTINES_ROW}"
    match existing.base:
        case "character varying":
            return longest
        case "character" | "bpchar":
            return f"blanks are added to a shorter text, and {longest}"
        case "citext":
            return "a change of upper and lower case alone is not seen"
        case _:
            return "a longer text may be cut"


def _loss_of_others(existing: ShapeColumn, kind: Kind, limits: list[int]) -> str:
    if kind in (DATE, TIME, TIMESTAMP):
        return _loss_of_times(existing, kind)
    beyond = f"a number beyond its range {QUARANTINES_ROW}"
    scale = kind.scale if isinstance(kind, Decimal) else 0
    match existing.base:
        case "real":
            return "it keeps six digits and rounds the others"
        case "double precision":
            return "it keeps binary fractions, whose sums are not exact"
        case "numeric":
            decimals = limits[1] if len(limits) > 1 else 0
            rounds = f"amounts are rounded to {decimals} decimals, and " if scale and decimals < scale else ""
            return f"{rounds}{beyond}"
        case "smallint" | "integer" | "bigint":
            return f"amounts are rounded to whole numbers, and {beyond}" if scale else beyond
        case _:
            return "it may hold and show another value than was sent"


def _loss_of_times(existing: ShapeColumn, kind: Kind) -> str:
    if kind == TIMESTAMP and existing.base == "date":
        return "the time of day is cut off"
    if "with time zone" in existing.type:
        return "a time zone is added, UTC"
    if re.search(r"\(\d\)", existing.type):
        return "fractions of a second are rounded"
    return f"it is kept as {existing.type}"


def _of_table(target: Target, shape: Shape, schema: str) -> Iterator[str]:
    full = full_name(schema, target.name)
    if shape.unlogged:
        yield f"{target.name} is UNLOGGED: a crash of its server empties it; the way out: ALTER TABLE {full} SET LOGGED"
    if target.kind == "fact" and any(unique.columns == (target.key,) for unique in shape.uniques):
        yield f"{target.name}.{target.key} is unique, so no history can be kept: drop that constraint"
    for unique in shape.rivals(target):
        if unique.columns not in ((target.key,), (target.record_id,)):
            what = "an exclusion constraint" if unique.exclusion else "a unique index"
            columns = ", ".join(column or "an expression" for column in unique.columns)
            yield f"{target.name} has {what} on {columns} ({unique.name}): a row that it refuses goes into quarantine"
    for check in shape.checks:
        yield f"{target.name} has the check {check}: a row that it refuses goes into quarantine"
    for reference in shape.strange_references(target):
        columns = ", ".join(reference.columns)
        yield f"{target.name}.{columns} refers to {reference.table}: a row that it refuses goes into quarantine"
    for trigger in shape.triggers:
        way_out = f"ALTER TABLE {full} DISABLE TRIGGER {quoted(trigger)}"
        what = "where it changes or skips rows the table is not loaded"
        yield f"{target.name} has the trigger {trigger}: {what}; the way out: {way_out}"
