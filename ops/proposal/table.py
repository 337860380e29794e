"""Decide how a source table that the catalogue does not have is declared, and what of it cannot be carried. Pure."""

import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.catalogue import TABLES
from shared.columns import INTEGER, KINDS, UNREADABLE, Decimal, Kind
from shared.warehouse.registry import TARGETS

NAME = re.compile("[a-z][a-z0-9_]*")
COLUMN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
# A warehouse table's name has at most 23 letters (shared/warehouse/registry.py).
LONGEST_TARGET = 23
# A larger table is read by its changes: the batch of a reference table is the whole of it, each time a row changes.
LARGEST_REFERENCE = 1 << 20
# Columns of a fact's history view beside those of the fact.
OF_HISTORY = ("valid_from", "valid_to", "deleted_at")
# Types that no kind holds, and those in which the source's owner can store the values instead; else text.
INSTEAD = (
    ("smallint", "integer"),
    ("bigint|oid", "numeric(18,0)"),
    ("money", "numeric(18,2)"),
    (r"numeric\(\d+,(\d+)\)", r"numeric(18,\1)"),
    ("real|double precision|numeric", "numeric(18,6)"),
    ("timestamp.* with time zone", "timestamp"),
    ("time.* with time zone", "time"),
    ("the domain .* over (.*)", r"\1"),
)

Description = Mapping[str, Any]
"""A TableDescription of shared/source/readers/base.py, as extract answers."""


@dataclass(frozen=True)
class CarriedColumn:
    """A column of the source, and the dimension and its key that a foreign key leads to, if it can be followed."""

    name: str
    kind: Kind
    nullable: bool
    dimension: tuple[str, str] | None = None


@dataclass(frozen=True)
class LeftOut:
    """A column that is not carried, why, and the statement by which the source's owner can change that."""

    name: str
    why: str
    statement: str


@dataclass(frozen=True)
class ProposedTable:
    """The declaration. `problems` say why there can be none; `columns` are all that are carried but the key.

    `why` says why it is a reference table or a transactional one.
    """

    name: str
    key: str
    is_reference: bool
    why: str
    columns: tuple[CarriedColumn, ...]
    left_out: tuple[LeftOut, ...]
    problems: tuple[str, ...]

    @property
    def target(self) -> str:
        """Return the name of its warehouse table."""
        return f"{'dim' if self.is_reference else 'fact'}_{self.name}"[:LONGEST_TARGET].rstrip("_")


def proposed(described: Description, kind: str = "") -> ProposedTable:
    """Return the declaration of the table. `kind` is "fact", "dimension", or "" to decide by the table."""
    name, columns = described["table"], described["columns"]
    key, problem = _key(described)
    is_reference, why = _is_reference(described, kind)
    out = {each.name: each for each in _left_out(name, {c: t for c, t in columns.items() if c != key})}
    kinds = {column: held for column, type_ in columns.items() if (held := kind_holding(type_))}
    carried = tuple(_carried(c, held, described) for c, held in kinds.items() if c != key and c not in out)
    problems = (*_problems(described), *([problem] if problem else []))
    return ProposedTable(name, key, is_reference, why, carried, tuple(out.values()), problems)


def kind_holding(type_: str) -> Kind | None:
    """Return the kind that holds every value of a type of the source; None when none does."""
    digits = re.fullmatch(r"numeric\((\d+),(\d+)\)", type_)
    if digits:
        try:
            return Decimal(int(digits[1]), int(digits[2]))
        except ValueError:
            return None
    return next((kind for kind in KINDS if kind.holds_source_type(type_)), None)


def quoted(name: str) -> str:
    """Return the name as SQL takes it, whatever words PostgreSQL reserves."""
    return '"' + name.replace('"', '""') + '"'


def _problems(described: Description) -> Iterator[str]:
    name = described["table"]
    if described["problem"]:
        yield described["problem"]
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        new = _plain(name) + ("_table" if keyword.iskeyword(name) else "")
        yield (
            "its name becomes a parameter of a Python function, so it must consist of small letters, digits and _, and "
            f"must not be a keyword; the source's owner can run: ALTER TABLE {quoted(name)} RENAME TO {quoted(new)}"
        )


def _key(described: Description) -> tuple[str, str]:
    """Return the integer column that identifies a row, or "" and why there is none."""
    name, columns, primary = described["table"], described["columns"], described["primary_key"]
    alone = [*(primary if len(primary) == 1 else ()), *sorted(described["unique"], key=f"{name}_id".__ne__)]
    usable = [column for column in alone if kind_holding(columns[column]) == INTEGER and COLUMN_NAME.fullmatch(column)]
    if usable:
        return usable[0], ""
    table, new = quoted(name), f"{_plain(name)}_{'key' if f'{name}_id' in columns else 'id'}"
    add = f"the source's owner can run: ALTER TABLE {table} ADD COLUMN {quoted(new)} serial"
    needs = "extract identifies a row by one column of type integer"
    if not primary:
        return "", f"it has no primary key, and {needs}; {add} PRIMARY KEY"
    if len(primary) > 1:
        return "", f"its primary key is of {len(primary)} columns ({', '.join(primary)}), and {needs}; {add} UNIQUE"
    return "", f"its primary key {primary[0]} is {columns[primary[0]]}, and {needs}; {add} UNIQUE"


def _is_reference(described: Description, kind: str) -> tuple[bool, str]:
    size = f"{described['bytes'] / 1024:,.0f} kB"
    others = sorted({other for other, _ in described["references"].values()} - {described["table"]})
    if kind:
        return kind == "dimension", f"as --{kind} says"
    if described["bytes"] > LARGEST_REFERENCE:
        return False, f"it is large: {size}"
    if others and not described["is_referenced"]:
        return False, f"it refers to {', '.join(others)}, and no table refers to it"
    return True, f"it is small: {size}"


def _left_out(table: str, columns: Mapping[str, str]) -> Iterator[LeftOut]:
    for name, type_ in columns.items():
        alter, column = f"ALTER TABLE {quoted(table)}", quoted(name)
        rename = f"{alter} RENAME COLUMN {column} TO {quoted(_plain(name))}"
        if not COLUMN_NAME.fullmatch(name):
            yield LeftOut(name, "its name has characters other than letters, digits and _", rename)
        elif name == UNREADABLE:
            yield LeftOut(name, "each batch has a column of that name", rename)
        elif kind_holding(type_) is None:
            using = f" USING {column} AT TIME ZONE 'UTC'" if type_.startswith("timestamp") else ""
            change = f"{alter} ALTER COLUMN {column} TYPE {_instead(type_)}{using}"
            yield LeftOut(name, f"no kind of column holds its type, {type_}", change)


def _instead(type_: str) -> str:
    """Return a type that a kind holds, in which values of `type_` can be stored."""
    found = ((re.fullmatch(pattern, type_), new) for pattern, new in INSTEAD)
    instead = next((match.expand(new) for match, new in found if match), "text")
    return instead if kind_holding(instead) or instead in ("timestamp", "time") else "text"


def _carried(name: str, kind: Kind, described: Description) -> CarriedColumn:
    dimension = _dimension(*described["references"].get(name, ("", "")))
    return CarriedColumn(name, kind, name not in described["required"], dimension)


def _dimension(table: str, column: str) -> tuple[str, str] | None:
    """Return the dimension that has a row for each row of a source table, and its key; None when there is none."""
    if table not in TABLES or TABLES[table].key != column:
        return None
    made = (each for each in TARGETS.values() if each.kind == "dimension" and each.row_by_row)
    return next(((each.name, each.key) for each in made if each.sources[0] == table), None)


def _plain(name: str) -> str:
    """Return a name of small letters, digits and _ that resembles `name`."""
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_") or "renamed"
