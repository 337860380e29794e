"""The texts of a proposal, each with the place that it is pasted into. They pass ruff's format and mypy. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from ops.proposal.table import OF_HISTORY, CarriedColumn, ProposedTable, quoted
from shared.catalogue import CREATED, TABLES, UPDATED
from shared.columns import MONEY, Column, Decimal, Kind

WIDTH = 120
CATALOGUE = "shared/catalogue.py"
TYPES = {"text": "TEXT", "timestamp": "TIMESTAMP(6)", "time": "TIME(6)", "money": "DECIMAL(10,2)"}


class Block(NamedTuple):
    """A text, the file it goes into, and where in it; "" for a new file."""

    path: str
    place: str
    text: str


def blocks(table: ProposedTable) -> Iterator[Block]:
    """Yield the catalogue's line, the warehouse table's module, and what the tests need."""
    yield from _import(table)
    yield Block(CATALOGUE, "in TABLES", _catalogue(table))
    yield Block(f"shared/warehouse/{table.target}.py", "", _module(table))
    yield Block("local/totesys.sql", "at the end", _source(table))
    yield Block(f"tests/oracle/{table.target}.sql", "", _oracle(table))


def _import(table: ProposedTable) -> Iterator[Block]:
    """Yield the catalogue's import of kinds, if the table needs another one."""
    kinds = {_name(column.kind) for each in TABLES.values() if each.name != table.name for column in each.columns}
    needed = kinds | {_name(column.kind) for column in table.columns}
    if needed != kinds:
        # As ruff sorts them: constants first.
        names = sorted({*needed, "UNREADABLE", "Column"}, key=lambda name: (not name.isupper(), name))
        yield Block(CATALOGUE, "its import of them", f"from shared.columns import {', '.join(names)}\n")


def _name(kind: Kind) -> str:
    return "Decimal" if isinstance(kind, Decimal) and kind != MONEY else kind.name.upper()


def _catalogue(table: ProposedTable) -> str:
    function = "_reference" if table.is_reference else "_transactional"
    key = [f'key="{table.key}"'] if table.key != f"{table.name}_id" else []
    return _call(f"        {function}", [f'"{table.name}"', *map(_declared, table.columns), *key], ",")


def _declared(column: CarriedColumn) -> str:
    constants = {CREATED: "CREATED", UPDATED: "UPDATED"}
    if text := constants.get(Column(column.name, column.kind, column.nullable)):
        return text
    kind = _name(column.kind)
    if isinstance(column.kind, Decimal) and column.kind != MONEY:
        kind += f"({column.kind.precision}, {column.kind.scale})"
    return f'Column("{column.name}", {kind}{", nullable=True" if column.nullable else ""})'


def _call(start: str, arguments: list[str], end: str = "") -> str:
    """Return a call on one line, or with a line for each argument, as ruff formats it."""
    line = f"{start}({', '.join(arguments)}){end}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    indent = " " * (len(start) - len(start.lstrip()))
    return f"{start}(\n" + "".join(f"{indent}    {each},\n" for each in arguments) + f"{indent}){end}\n"


# ---- the warehouse table


def _module(table: ProposedTable) -> str:
    declared = _dimension(table) if table.is_reference else _fact(table)
    used = {line.split("(")[0] for line in declared} | {"metadata"}
    types = {"Table", *(_type(column).split("(")[0] for column in _loaded(table) if _is_typed(column, table))}
    lines = "".join(f"    {line},\n" for line in (f'"{table.target}"', "metadata", *declared))
    return (
        f'"""The rows of the source table {table.name}."""\n\n'
        f"from sqlalchemy import {', '.join(sorted(types))}\n\n"
        "from shared.frames import Frame\n"
        f"from shared.warehouse.declaring import {', '.join(sorted(used))}\n\n"
        f"TABLE = Table(\n{lines})\n\n\n"
        f"def {table.target}({table.name}: Frame) -> Frame:\n{_rows(table)}"
    )


def _loaded(table: ProposedTable) -> list[CarriedColumn]:
    """Return the columns of the warehouse table but its key. A dimension has no times of its source's rows."""
    times = (CREATED.name, UPDATED.name) if table.is_reference else ()
    return [column for column in table.columns if column.name not in times]


def _dimension(table: ProposedTable) -> list[str]:
    return [f'key("{table.key}")', *(_plain(column, column.name) for column in _loaded(table))]


def _fact(table: ProposedTable) -> list[str]:
    record = [f'record_id("{table.name}_record_id")', f'business_id("{table.key}")']
    return record + [_of_fact(column, table) for column in _loaded(table)]


def _of_fact(column: CarriedColumn, table: ProposedTable) -> str:
    name = _target_name(column, table)
    if column.dimension and not column.nullable:
        return f'reference("{name}", "{".".join(column.dimension)}")'
    return _plain(column, name)


def _is_typed(column: CarriedColumn, table: ProposedTable) -> bool:
    return table.is_reference or column.nullable or not column.dimension


def _plain(column: CarriedColumn, name: str) -> str:
    return f'{"optional" if column.nullable else "required"}("{name}", {_type(column)})'


def _type(column: CarriedColumn) -> str:
    kind = column.kind
    return f"Numeric({kind.precision}, {kind.scale})" if isinstance(kind, Decimal) else kind.declared_as


def _target_name(column: CarriedColumn, table: ProposedTable) -> str:
    """Return the column's name in the warehouse table: history_<fact> has some names of its own."""
    taken = () if table.is_reference else (*OF_HISTORY, f"{table.name}_record_id")
    return f"source_{column.name}" if column.name in taken else column.name


def _rows(table: ProposedTable) -> str:
    names = [table.key, *(column.name for column in _loaded(table))]
    if table.is_reference:
        listed = ", ".join(f'"{name}"' for name in names)
        line = f"    return {table.name}[[{listed}]]\n"
        if len(line) <= WIDTH + 1:
            return line
        lines = "".join(f'        "{name}",\n' for name in names)
        return f"    columns = [\n{lines}    ]\n    return {table.name}[columns]\n"
    targets = {column.name: _target_name(column, table) for column in _loaded(table)}
    pairs = "".join(f'            "{targets.get(name, name)}": {table.name}["{name}"],\n' for name in names)
    return f"    return Frame(\n        {{\n{pairs}        }}\n    )\n"


# ---- what the tests need


def _source(table: ProposedTable) -> str:
    """Return the table for the source of the tests. An enum is a text there."""
    columns = [f'"{table.key}" SERIAL PRIMARY KEY', *map(_sql_column, table.columns)]
    return f'CREATE TABLE "{table.name}" (\n' + ",\n".join(f"    {column}" for column in columns) + "\n);\n"


def _sql_column(column: CarriedColumn) -> str:
    type_ = TYPES.get(column.kind.name, column.kind.warehouse_type.upper())
    return f'"{column.name}" {type_}{"" if column.nullable else " NOT NULL"}'


def _oracle(table: ProposedTable) -> str:
    aliases = ((column.name, _target_name(column, table)) for column in _loaded(table))
    columns = [quoted(name) + (f" AS {quoted(target)}" if target != name else "") for name, target in aliases]
    listed = ",\n       ".join([quoted(table.key), *columns])
    return f"SELECT {listed}\n  FROM public.{quoted(table.name)}\n ORDER BY {quoted(table.key)};\n"  # noqa: S608
