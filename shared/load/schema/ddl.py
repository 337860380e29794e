"""A declared table as PostgreSQL's statements. Pure; the schema is the search_path's."""

from typing import Any

from sqlalchemy import Column, Index, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

from shared.ledger import tables
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

Declared = Column[Any]
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

# The loader's rights are those of its statements: records of facts are never changed, and the ledger only where a table
# was emptied by hand and its record ids are given out again.
READ_AND_ADD = ("SELECT", "INSERT")
RIGHTS = {
    tables.LOG: (*READ_AND_ADD, "UPDATE"),
    tables.LEDGER: (*READ_AND_ADD, "UPDATE (first_record_id, last_record_id)"),
    tables.TABLE: (*READ_AND_ADD, "UPDATE"),
    tables.DELETION: (*READ_AND_ADD, "UPDATE"),
    tables.TEXT_DELETION: (*READ_AND_ADD, "UPDATE"),
    tables.WAITING: (*READ_AND_ADD, "DELETE"),
    tables.QUARANTINE: (*READ_AND_ADD, "UPDATE"),
    tables.DIFFERENCE: READ_AND_ADD,
    tables.FRESHNESS: READ_AND_ADD,
}


def rights(target: Target) -> tuple[str, ...]:
    return READ_AND_ADD if target.kind == "fact" else (*READ_AND_ADD, "UPDATE")


def create_table(table: Table) -> str:
    """Return the table without foreign keys, which are added after the first load: they are most of its cost."""
    return str(CreateTable(table, include_foreign_key_constraints=[]).compile(dialect=DIALECT))


def create_index(index: Index) -> str:
    return str(CreateIndex(index).compile(dialect=DIALECT))


def create_unique(table: str, column: str) -> str:
    return f"CREATE UNIQUE INDEX ON {quoted(table)} ({quoted(column)})"


def add_column(column: Declared, *, empty: bool) -> str:
    """Return the column, nullable where existing rows could have nothing but null."""
    text = str(CreateColumn(column).compile(dialect=DIALECT))
    fills_itself = column.server_default is not None or is_serial(column)
    if not empty and not fills_itself:
        text = text.removesuffix(" NOT NULL")
    return f"ALTER TABLE {quoted(column.table.name)} ADD COLUMN {text}"


def add_foreign_key(target: Target, column: str) -> str:
    dimension, key = target.references[column]
    return (
        f"ALTER TABLE {quoted(target.name)} ADD FOREIGN KEY ({quoted(column)}) "
        f"REFERENCES {quoted(dimension)} ({quoted(key)})"
    )


def comment_on(kind: str, name: str, comment: str) -> str:
    return f"COMMENT ON {kind} {name} IS {literal(comment)}"


def type_of(column: Declared) -> str:
    """Return the type as PostgreSQL's format_type() spells it."""
    text = column.type.compile(dialect=DIALECT).lower().replace(", ", ",")
    return text.replace("varchar", "character varying")


def is_serial(column: Declared) -> bool:
    return column is column.table.autoincrement_column
