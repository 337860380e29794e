"""All warehouse tables, found by their modules, and what follows from each declaration."""

import hashlib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import sqlalchemy
from sqlalchemy import Boolean, Date, DateTime, Integer, Numeric, String, Table, Time

from shared import warehouse
from shared.catalogue import TABLES
from shared.columns import Column, Kind
from shared.errors import BadDeclaration
from shared.frames import Frame, Series

# It becomes part of names on AWS: beside the longest PROJECT and STAGE, so much of a function's 64 letters is left.
NAME = "[a-z][a-z0-9_]{0,22}"

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
    A dimension is `grouped` when its key is a column of its first source that is not that one's own key: it has a
    row for each different value.
    `key` is a dimension's or set's primary key, and a fact's business id. `columns` are what travels: all but
    `record_id`, the serial key that only a fact has. `references` name the dimension and its key per column.
    `from_keys` makes a set's rows of their keys alone, where they say nothing else.
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
    from_keys: Callable[[Series], Frame] | None = None

    @property
    def grouped(self) -> bool:
        first = TABLES[self.sources[0]]
        return self.kind == "dimension" and self.key != first.key and self.key in {c.name for c in first.columns}

    @property
    def row_by_row(self) -> bool:
        """Whether each of its rows is made of one row of its first source, under the same key."""
        return self.kind != "set" and not self.grouped

    @property
    def always_whole(self) -> bool:
        """Whether each of its manifests is all of it: what is made of a reference table is made anew."""
        return self.kind == "dimension" and TABLES[self.sources[0]].reference

    @property
    def whole_from(self) -> tuple[str, ...]:
        """The source tables that, read whole, bring all of it; what is joined comes by itself."""
        return self.sources if self.kind == "set" else self.sources[:1]


def target_from(module: ModuleType) -> Target:
    """What a warehouse table's module declares. Raises BadDeclaration."""
    name = module.__name__.rsplit(".", 1)[-1]
    table, transform = getattr(module, "TABLE", None), getattr(module, name, None)
    if not isinstance(table, Table) or table.name != name or not callable(transform):
        raise BadDeclaration(name, f"the module must hold TABLE, a Table of this name, and a function {name}")
    if not re.fullmatch(NAME, name):
        raise BadDeclaration(name, "a table's name is of small letters, digits and _, at most 23 of them")
    sources = tuple(inspect.signature(transform).parameters)
    kind = _kind(name, transform)
    _check_sources(name, kind, sources)
    primary = _primary_key(table)
    record_id = primary if kind == "fact" else None
    columns = tuple(_travelling(column) for column in table.columns if column.name != record_id)
    key = TABLES[sources[0]].key if kind == "fact" else primary
    if key not in {column.name for column in columns}:
        raise BadDeclaration(name, f"a fact needs its business id, the column {key}")
    references = _references(table)
    target = Target(
        name,
        table,
        transform,
        sources,
        kind,
        key,
        record_id,
        columns,
        references,
        _fingerprint(name, columns),
        getattr(module, "from_keys", None),
    )
    _check_grouped(target)
    return target


def _kind(name: str, transform: Callable[..., Frame]) -> TargetKind:
    """A set's function can do without any one of its sources: they have defaults."""
    parameters = inspect.signature(transform).parameters.values()
    defaults = [parameter.default is not parameter.empty for parameter in parameters]
    if any(defaults) and not all(defaults):
        raise BadDeclaration(name, "either every source may be absent (a set) or none")
    if any(defaults):
        return "set"
    return "fact" if name.startswith("fact_") else "dimension"


def _check_sources(name: str, kind: TargetKind, sources: tuple[str, ...]) -> None:
    unknown = [source for source in sources if source not in TABLES]
    if unknown or not sources:
        problem = f"{', '.join(unknown) or 'nothing'} is no source table; they are {', '.join(TABLES)}"
        raise BadDeclaration(name, problem)
    moving = [source for source in sources if not TABLES[source].reference]
    # A moving table's batches hold only what changed: neither a row's partner nor, when the partner changes,
    # the row itself would be there.
    if kind != "set" and len(sources) > 1 and moving:
        raise BadDeclaration(name, f"{', '.join(moving)} moves, and only reference tables can be joined")


def _check_grouped(target: Target) -> None:
    first = TABLES[target.sources[0]]
    if target.grouped and not first.reference:
        problem = f"{first.name} moves, and only of a reference table is there all that one {target.key} has"
        raise BadDeclaration(target.name, problem)


def _primary_key(table: Table) -> str:
    names = [column.name for column in table.primary_key.columns]
    if len(names) != 1:
        raise BadDeclaration(table.name, f"the primary key must be one column, not {len(names)}")
    return str(names[0])


def _travelling(column: sqlalchemy.Column[Any]) -> Column:
    for declared, kind in KINDS:
        if isinstance(column.type, declared):
            # str: SQLAlchemy's own kind of it is more than the parquet library takes for a name.
            return Column(str(column.name), kind, bool(column.nullable))
    raise BadDeclaration(column.table.name, f"{column.name}: no column of type {column.type} can travel")


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
    targets = {name: target_from(_imported(name)) for name in tables}
    for target in targets.values():
        check_references(target, targets)
    return targets


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{warehouse.__name__}.{name}")
    except Exception as error:
        # A slip of the pen, or the name of another table: whoever deploys wants one line of it.
        raise BadDeclaration(name, f"it cannot be imported ({type(error).__name__}: {error})") from error


def check_references(target: Target, targets: Mapping[str, Target]) -> None:
    """Without its dimension a fact's rows would wait for ever; what a set should hold, only facts can tell.
    Raises BadDeclaration.
    """
    for column, (dimension, key) in target.references.items():
        if dimension not in targets or targets[dimension].key != key:
            raise BadDeclaration(target.name, f"{column} refers to {dimension}.{key}, which is no dimension's key")
    named = {dimension for other in targets.values() for dimension, _ in other.references.values()}
    if target.kind == "set" and target.name not in named:
        raise BadDeclaration(target.name, "a set is of the days that facts refer to, and no fact refers to it")


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
