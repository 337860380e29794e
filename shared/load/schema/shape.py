"""What a present warehouse table is, and what that means for the values sent to it. Pure.

migrate says it when it adopts a table; the loader refuses a table that cannot be loaded and converts what is staged
for one whose columns do not hold every value exactly.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from shared.columns import TEXT, Column, Kind
from shared.ledger.views import views
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

# Ordinary and partitioned tables.
TABLE_KINDS = ("r", "p")
KIND_NAMES = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "S": "a sequence",
    "i": "an index",
    "I": "an index",
    "c": "a composite type",
}


class ShapeColumn(msgspec.Struct, frozen=True):
    """`type` is as format_type() spells it. `base` is the same without length or scale, and below any domain;
    `takes` are the types that PostgreSQL converts to `base` in an INSERT."""

    name: str
    type: str
    base: str
    category: str
    takes: tuple[str, ...]
    is_domain: bool
    is_enum: bool
    required: bool
    fills_itself: bool
    generated: bool
    identity_always: bool
    comment: str | None = None

    def accepts(self, kind: Kind) -> bool:
        """Return whether INSERT converts. An enum takes a text by an explicit cast only: see `fitting`."""
        travelling = kind.base_type
        # PostgreSQL turns every type into one of the category of strings.
        converts = self.base == travelling or self.category == "S" or travelling in self.takes
        return converts or (self.is_enum and kind == TEXT)

    def holds_exactly(self, kind: Kind) -> bool:
        """Return whether each value of `kind` is stored, and compared, as it was sent."""
        if self.is_domain:
            return False
        numbers = re.fullmatch(r"numeric(?:\((\d+),(-?\d+)\))?", self.type)
        if numbers and kind.digits:
            before, after = kind.digits
            precision, scale = (int(digits or 10_000) for digits in numbers.groups(default="10000"))
            return numbers[1] is None or (scale >= after and precision - scale >= before)
        return self.type in kind.exact_types


class Unique(msgspec.Struct, frozen=True):
    """A unique or exclusion index. `columns` has "" for an expression."""

    name: str
    columns: tuple[str, ...]
    exclusion: bool
    deferrable: bool
    usable: bool

    def is_on(self, column: str) -> bool:
        """Return whether ON CONFLICT (column) can use it: not deferrable, valid, of the whole table."""
        return self.usable and self.columns == (column,)


class Reference(msgspec.Struct, frozen=True):
    """A foreign key; `table` is qualified only where it is in another schema."""

    columns: tuple[str, ...]
    table: str


class Shape(msgspec.Struct, frozen=True):
    """`kind` is pg_class.relkind; `rules` and `triggers` are names of enabled ones that are not PostgreSQL's own."""

    kind: str
    columns: tuple[ShapeColumn, ...] = ()
    uniques: tuple[Unique, ...] = ()
    checks: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    unlogged: bool = False
    has_children: bool = False

    @property
    def is_table(self) -> bool:
        return self.kind in TABLE_KINDS

    def column(self, name: str) -> ShapeColumn | None:
        return next((column for column in self.columns if column.name == name), None)

    def is_unique(self, column: str) -> bool:
        return any(unique.is_on(column) for unique in self.uniques)

    def deferrable(self, column: str) -> str | None:
        """Return the name of a constraint on the column that is checked late: with it PostgreSQL refuses ON
        CONFLICT."""
        return next((each.name for each in self.uniques if each.deferrable and each.columns == (column,)), None)

    def rivals(self, target: Target) -> tuple[Unique, ...]:
        """Return unique and exclusion constraints beyond the one that the loader relies on."""
        only_one = target.record_id or target.key
        return tuple(unique for unique in self.uniques if unique.exclusion or unique.columns != (only_one,))

    def strange_references(self, target: Target) -> tuple[Reference, ...]:
        ours = {((column,), dimension) for column, (dimension, _) in target.references.items()}
        return tuple(each for each in self.references if (each.columns, each.table) not in ours)

    def converts(self, target: Target) -> bool:
        """Return whether the columns' types and checks may change or refuse what is sent."""
        present = {column.name: column for column in self.columns}
        return bool(self.checks) or any(
            column.name in present and not _is_plain(present[column.name], column) for column in target.columns
        )

    def refuses(self, target: Target) -> bool:
        """Return whether the table may refuse a row that its columns' types accept."""
        return bool(
            self.kind == "p" or self.triggers or self.checks or self.rivals(target) or self.strange_references(target)
        )


class Obstacle(NamedTuple):
    """Why a table cannot be loaded, and the way out."""

    what: str
    way_out: str


def obstacles(target: Target, shape: Shape, schema: str) -> list[Obstacle]:
    """Empty for a table that can be loaded."""
    if not shape.is_table:
        kind = KIND_NAMES.get(shape.kind, "something else")
        return [Obstacle(f"{target.name} is {kind} and no table", "rename it, or choose another WAREHOUSE_SCHEMA")]
    found = [*_of_columns(target, shape, schema), *_of_others(target, shape, schema)]
    full = full_name(schema, target.name)
    if shape.rules:
        drop = "; ".join(f"DROP RULE {quoted(rule)} ON {full}" for rule in shape.rules)
        found.append(Obstacle(f"{target.name} has rules that rewrite INSERT or UPDATE", drop))
    return [*found, *(_of_upsert(target, shape, full) if target.kind != "fact" else ())]


def _of_upsert(target: Target, shape: Shape, full: str) -> Iterator[Obstacle]:
    """Return what keeps INSERT … ON CONFLICT from finding each key once."""
    name, key = target.name, quoted(target.key)
    if shape.kind == "p":
        yield Obstacle(f"{name} is partitioned, and a dimension cannot be", "make it an ordinary table")
    if shape.has_children:
        yield Obstacle(f"{name} has child tables, so one {target.key} can be there twice", f"NO INHERIT {full} in each")
    late = shape.deferrable(target.key)
    if late:
        way_out = f"ALTER TABLE {full} DROP CONSTRAINT {quoted(late)} CASCADE, ADD PRIMARY KEY ({key})"
        yield Obstacle(f"{name}.{target.key} has a DEFERRABLE constraint", way_out)
    elif not shape.is_unique(target.key):
        way_out = f"remove rows whose {target.key} is there twice, then CREATE UNIQUE INDEX ON {full} ({key})"
        yield Obstacle(f"{name} has no unique index on {target.key} alone", way_out)


def full_name(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"


def retype(target: Target, schema: str, column: str, type_: str) -> str:
    """Return the statements that give a column its declared type. Views that read it are dropped first; a deploy
    creates them again."""
    name, ours = quoted(column), ", ".join(full_name(schema, view.name) for view in views(target))
    drop = f"DROP VIEW IF EXISTS {ours}; " if ours else ""
    alter = f"ALTER TABLE {full_name(schema, target.name)} ALTER COLUMN {name}"
    again = ", and deploy again" if ours else ""
    return f"{drop}{alter} TYPE {type_} USING CAST({name} AS {type_}){again}"


def _of_columns(target: Target, shape: Shape, schema: str) -> list[Obstacle]:
    full, found = full_name(schema, target.name), []
    for column in target.columns:
        existing = shape.column(column.name)
        if existing is None:
            continue
        place, alter = f"{target.name}.{column.name}", f"ALTER TABLE {full} ALTER COLUMN {quoted(column.name)}"
        is_key = column.name == target.key
        if existing.generated:
            found.append(Obstacle(f"{place} is GENERATED ALWAYS AS an expression", f"{alter} DROP EXPRESSION"))
        elif existing.identity_always and target.kind != "fact" and not is_key:
            found.append(Obstacle(f"{place} is GENERATED ALWAYS AS IDENTITY", f"{alter} DROP IDENTITY"))
        elif not existing.accepts(column.kind) or (is_key and not _can_be_key(existing, column.kind)):
            what = f"{place} is {existing.type} and must be {column.kind.warehouse_type}"
            found.append(Obstacle(what, retype(target, schema, column.name, column.kind.warehouse_type)))
    return found


def _can_be_key(existing: ShapeColumn, kind: Kind) -> bool:
    return existing.category == "S" if kind.key_types is None else existing.base in kind.key_types


def _of_others(target: Target, shape: Shape, schema: str) -> list[Obstacle]:
    """Return what can refuse a row although its declared columns are right."""
    full, ours = full_name(schema, target.name), {column.name for column in target.columns}
    found = []
    for existing in shape.columns:
        if existing.name in ours or not existing.required or existing.fills_itself:
            continue
        place, alter = f"{target.name}.{existing.name}", f"ALTER TABLE {full} ALTER COLUMN {quoted(existing.name)}"
        if existing.name == target.record_id:
            way_out = f"{alter} ADD GENERATED BY DEFAULT AS IDENTITY, and deploy again"
            found.append(Obstacle(f"{place} has no sequence, so no row can be added", way_out))
        else:
            way_out = f"{alter} DROP NOT NULL"
            found.append(Obstacle(f"{place} is not ours, and no row can be added without it", way_out))
    return found


def _is_plain(existing: ShapeColumn, column: Column) -> bool:
    """Return whether every value, and null where it may be sent, is stored as it is sent."""
    return existing.holds_exactly(column.kind) and not (column.nullable and existing.required)
