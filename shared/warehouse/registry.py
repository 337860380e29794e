"""All warehouse tables, found by their modules, and what follows from each declaration."""

import hashlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import Boolean, Date, DateTime, Integer, Numeric, String, Table, Time

from shared import warehouse
from shared.columns import Column, Frame, Kind
from shared.source.catalogue import TABLES

TargetKind = Literal["fact", "dimension", "set"]

KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (Integer, Kind.INTEGER),
    (Numeric, Kind.MONEY),
    (Boolean, Kind.BOOLEAN),
    (String, Kind.TEXT),
    (Date, Kind.DATE),
    (Time, Kind.TIME),
    (DateTime, Kind.TIMESTAMP),
)


@dataclass(frozen=True)
class Target:
    """A warehouse table.

    `sources` are the parameters of `transform`, in order: rows are made one by one from the first, which the
    others are joined to. The rows of a *set* come from all of its sources alike, each of which may be absent.
    `key` is a dimension's or set's primary key, and a fact's business id. `columns` are what travels: all but
    `record_id`, the serial key that only a fact has. `references` name the dimension and its key per column.
    """

    name: str
    table: Table
    transform: Callable[..., Frame]
    sources: tuple[str, ...]
    kind: TargetKind
    key: str
    record_id: str | None
    columns: tuple[Column, ...]
    references: dict[str, tuple[str, str]]
    fingerprint: str


def target_from(module: ModuleType) -> Target:
    """What a warehouse table's module declares. TypeError, saying what is wrong, when it keeps not to the rules."""
    name = module.__name__.rsplit(".", 1)[-1]
    table, transform = getattr(module, "TABLE", None), getattr(module, name, None)
    if not isinstance(table, Table) or table.name != name or not callable(transform):
        raise TypeError(f"{name}: the module must hold TABLE, a Table of this name, and a function {name}")
    sources = tuple(inspect.signature(transform).parameters)
    kind = _kind(name, transform)
    _check_sources(name, kind, sources)
    primary = _primary_key(table)
    record_id = primary if kind == "fact" else None
    columns = tuple(_travelling(column) for column in table.columns if column.name != record_id)
    key = TABLES[sources[0]].key if kind == "fact" else primary
    if key not in {column.name for column in columns}:
        raise TypeError(f"{name}: a fact needs its business id, the column {key}")
    references = _references(table)
    return Target(
        name, table, transform, sources, kind, key, record_id, columns, references, _fingerprint(name, columns)
    )


def _kind(name: str, transform: Callable[..., Frame]) -> TargetKind:
    """A set's function can do without any one of its sources: they have defaults."""
    parameters = inspect.signature(transform).parameters.values()
    defaults = [parameter.default is not parameter.empty for parameter in parameters]
    if any(defaults) and not all(defaults):
        raise TypeError(f"{name}: either every source may be absent (a set) or none")
    if any(defaults):
        return "set"
    return "fact" if name.startswith("fact_") else "dimension"


def _check_sources(name: str, kind: TargetKind, sources: tuple[str, ...]) -> None:
    unknown = [source for source in sources if source not in TABLES]
    if unknown or not sources:
        raise TypeError(f"{name}: {', '.join(unknown) or 'nothing'} is no source table; they are {', '.join(TABLES)}")
    moving = [source for source in sources if not TABLES[source].reference]
    # A moving table's batches hold only what changed: neither a row's partner nor, when the partner changes,
    # the row itself would be there.
    if kind != "set" and len(sources) > 1 and moving:
        raise TypeError(f"{name}: {', '.join(moving)} moves, and only reference tables can be joined")


def _primary_key(table: Table) -> str:
    names = [column.name for column in table.primary_key.columns]
    if len(names) != 1:
        raise TypeError(f"{table.name}: the primary key must be one column, not {len(names)}")
    return str(names[0])


def _travelling(column: sqlalchemy.Column[Any]) -> Column:
    for declared, kind in KINDS:
        if isinstance(column.type, declared):
            # str: SQLAlchemy's own kind of it is more than the parquet library takes for a name.
            return Column(str(column.name), kind, bool(column.nullable))
    raise TypeError(f"{column}: no column of type {column.type} can travel")


def _references(table: Table) -> dict[str, tuple[str, str]]:
    found = {}
    for column in table.columns:
        for foreign_key in column.foreign_keys:
            dimension, key = foreign_key.target_fullname.split(".")
            found[str(column.name)] = (dimension, key)
    return found


def _fingerprint(name: str, columns: tuple[Column, ...]) -> str:
    text = "\n".join(f"{c.name} {c.kind} {c.nullable}" for c in columns)
    return hashlib.sha256(f"{name}\n{text}".encode()).hexdigest()[:16]


def _discovered() -> dict[str, Target]:
    """In the order of names, in which dimensions come before facts."""
    modules = sorted(module.name for module in pkgutil.iter_modules(warehouse.__path__))
    tables = [name for name in modules if name.startswith(("dim_", "fact_"))]
    return {name: target_from(importlib.import_module(f"{warehouse.__name__}.{name}")) for name in tables}


TARGETS = _discovered()


def expected_targets(
    changed: Collection[str], ever_read: Collection[str], targets: Mapping[str, Target] = TARGETS
) -> tuple[str, ...]:
    """The warehouse tables that a run must bring: one of their sources changed in it, and they can be made.

    A table that joins its sources waits until all have ever been read, and is then made of whole batches. A
    set waits for none: what it left out of a run would never come again.
    """

    def ready(target: Target) -> bool:
        return target.kind == "set" or all(source in ever_read for source in target.sources)

    def touched(target: Target) -> bool:
        return any(source in changed for source in target.sources)

    return tuple(target.name for target in targets.values() if touched(target) and ready(target))
