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
from sqlalchemy import Table

from shared import warehouse
from shared.catalogue import TABLES
from shared.columns import Column, kind_declared_as
from shared.errors import BadDeclaration
from shared.frames import Frame, Series

# The name becomes part of names on AWS: with the longest PROJECT and STAGE, so much of a function's 64 letters is left.
NAME = "[a-z][a-z0-9_]{0,22}"

TargetKind = Literal["fact", "dimension", "calendar"]


@dataclass(frozen=True)
class Target:
    """A warehouse table.

    `sources` are the parameters of `transform`, in order: each row is made from one row of the first source, and the
    others are joined to it. The rows of a *calendar* come from all of its sources, each of which may be absent.
    A dimension is `grouped` when its key is a column of its first source other than that source's own key: it has a
    row for each different value.
    `key` is the primary key of a dimension or calendar, and a fact's business id. `columns` are those that are loaded:
    all but `record_id`, the serial key that only a fact has. `references` are the dimension and its key, by column.
    `from_keys` makes a calendar's rows from their keys alone.
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
        """Return whether each of its rows is made from one row of its first source, under the same key."""
        return self.kind != "calendar" and not self.grouped

    @property
    def always_whole(self) -> bool:
        """Return whether each of its manifests is the whole table, as it is when the first source is a reference
        table."""
        return self.kind == "dimension" and TABLES[self.sources[0]].reference

    @property
    def whole_from(self) -> tuple[str, ...]:
        """Return the source tables that must be read in full to bring all of it; joined tables follow."""
        return self.sources if self.kind == "calendar" else self.sources[:1]


def target_from(module: ModuleType) -> Target:
    """Return what a warehouse table's module declares. Raises BadDeclaration."""
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
    columns = tuple(_column(column) for column in table.columns if column.name != record_id)
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
    """Return the kind. A calendar's function can do without any of its sources: they have defaults."""
    parameters = inspect.signature(transform).parameters.values()
    defaults = [parameter.default is not parameter.empty for parameter in parameters]
    if any(defaults) and not all(defaults):
        raise BadDeclaration(name, "either every source may be absent (a calendar) or none")
    if any(defaults):
        return "calendar"
    return "fact" if name.startswith("fact_") else "dimension"


def _check_sources(name: str, kind: TargetKind, sources: tuple[str, ...]) -> None:
    unknown = [source for source in sources if source not in TABLES]
    if unknown or not sources:
        problem = f"{', '.join(unknown) or 'nothing'} is not a source table; they are {', '.join(TABLES)}"
        raise BadDeclaration(name, problem)
    transactional = [source for source in sources if not TABLES[source].reference]
    # A transactional table's batches hold only what changed: the row that is joined would be missing or, when that one
    # changes, the row that it is joined to.
    if kind != "calendar" and len(sources) > 1 and transactional:
        raise BadDeclaration(
            name, f"{', '.join(transactional)} is transactional, and only reference tables can be joined"
        )


def _check_grouped(target: Target) -> None:
    first = TABLES[target.sources[0]]
    if target.grouped and not first.reference:
        problem = f"{first.name} is transactional, and only a reference table's batch has all rows of one {target.key}"
        raise BadDeclaration(target.name, problem)


def _primary_key(table: Table) -> str:
    names = [column.name for column in table.primary_key.columns]
    if len(names) != 1:
        raise BadDeclaration(table.name, f"the primary key must be one column, not {len(names)}")
    return str(names[0])


def _column(column: sqlalchemy.Column[Any]) -> Column:
    try:
        kind = kind_declared_as(column.type)
    except ValueError as error:
        raise BadDeclaration(column.table.name, f"{column.name}: {error}") from error
    if kind is None:
        raise BadDeclaration(column.table.name, f"{column.name}: columns of type {column.type} are not supported")
    # str: fastparquet does not accept SQLAlchemy's own subclass of it as a name.
    return Column(str(column.name), kind, bool(column.nullable))


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
    """Return the targets in the order of names, in which dimensions come before facts."""
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
        # A syntax error, or a wrong name: deploy shows one line about it.
        raise BadDeclaration(name, f"it cannot be imported ({type(error).__name__}: {error})") from error


def check_references(target: Target, targets: Mapping[str, Target]) -> None:
    """Raise BadDeclaration for a reference to no dimension, for whose rows a fact would wait for ever.

    Raise it also for a calendar that no fact refers to: only facts define what it should hold.
    """
    for column, (dimension, key) in target.references.items():
        if dimension not in targets or targets[dimension].key != key:
            raise BadDeclaration(target.name, f"{column} refers to {dimension}.{key}, which is not a dimension's key")
    named = {dimension for other in targets.values() for dimension, _ in other.references.values()}
    if target.kind == "calendar" and target.name not in named:
        raise BadDeclaration(target.name, "a calendar holds the days that facts refer to, and no fact refers to it")


TARGETS = _discovered()


def expected_targets(
    changed: Collection[str], ever_read: Collection[str], targets: Mapping[str, Target] = TARGETS
) -> tuple[str, ...]:
    """Return the warehouse tables that a run must bring: one of their sources changed in it, and they can be made.

    A table that joins its sources waits until all of them have been read once, and is then made from whole batches. A
    calendar does not wait: what it left out of a run would never come again.
    """

    def ready(target: Target) -> bool:
        return target.kind == "calendar" or all(source in ever_read for source in target.sources)

    def touched(target: Target) -> bool:
        return any(source in changed for source in target.sources)

    return tuple(target.name for target in targets.values() if touched(target) and ready(target))
