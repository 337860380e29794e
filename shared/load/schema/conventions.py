"""Rows of a set that follow another convention than ours, such as days counted from Sunday."""
# ruff: noqa: S608 - names come from the declarations and each passes quoted()

from shared.frames import Frame, Series
from shared.ledger.stage import STAGE
from shared.load import sql
from shared.load.schema.shape import Shape, full_name
from shared.postgres.connection import Connection, quoted
from shared.warehouse.registry import Target

# What pandas holds as a day here, and PostgreSQL beyond.
FIRST, LAST = "0001-01-01", "9999-12-31"


def other_rows(connection: Connection, target: Target, shape: Shape, schema: str) -> list[str]:
    """Return a line when rows differ from what their keys would make: a calendar dimension fills in only nulls, so
    they stay."""
    if target.from_keys is None:
        return []
    # Imported late: it needs pandas, which only migrations of a table with keys need.
    from shared.postgres.encoding import encode

    key = f"CAST({quoted(target.key)} AS date)"
    keys = connection.run(
        f"SELECT DISTINCT {key} FROM {quoted(target.name)} "
        f"WHERE isfinite({key}) AND {key} BETWEEN '{FIRST}' AND '{LAST}'"
    )
    if not keys:
        return []
    rows = target.from_keys(Series([key for (key,) in keys], dtype="datetime64[us]"))
    frame = Frame({column.name: Series(rows[column.name], dtype=column.kind.dtype) for column in target.columns})
    connection.run(sql.create_stage(STAGE, target.columns))
    connection.copy_in(sql.copy_stage(STAGE, target.columns), encode(frame, target.columns))
    counts = _counts(connection, target, shape)
    connection.run(f"DROP TABLE {STAGE}")
    return [_line(target, shape, schema, counts)] if counts.pop("") else []


def _counts(connection: Connection, target: Target, shape: Shape) -> dict[str, int]:
    """Count the rows that differ in each column, and under "" in any. Null does not differ, because a load fills it
    in."""
    key = quoted(target.key)
    differ = {}
    for column in target.columns:
        existing = shape.column(column.name)
        if existing is not None and column.name != target.key:
            name = quoted(column.name)
            differ[column.name] = f"(present.{name} <> CAST(staged.{name} AS {existing.type}))"
    differ[""] = " OR ".join(differ.values()) or "false"
    filters = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in differ.values())
    return dict(
        zip(
            differ,
            connection.one(f"""
        SELECT {filters} FROM {quoted(target.name)} present
        JOIN {STAGE} staged ON staged.{key} = CAST(present.{key} AS date)"""),
            strict=True,
        )
    )


def _line(target: Target, shape: Shape, schema: str, counts: dict[str, int]) -> str:
    full = full_name(schema, target.name)
    names = [name for name, count in counts.items() if count]
    said = ", ".join(f"{name} in {counts[name]} rows" for name in names)
    strict = [f"ALTER COLUMN {quoted(name)} DROP NOT NULL" for name in names if _is_required(shape, name)]
    alter = f"ALTER TABLE {full} {', '.join(strict)}; " if strict else ""
    update = f"UPDATE {full} SET {', '.join(f'{quoted(name)} = NULL' for name in names)}"
    return (
        f"{target.name} follows another convention: {said}; such rows are kept, new ones follow ours; the way out: "
        f"DELETE FROM {full} before the first load, or {alter}{update}, then infra_bash/resync.sh "
        f"{' '.join(target.sources)}"
    )


def _is_required(shape: Shape, name: str) -> bool:
    existing = shape.column(name)
    return existing is not None and existing.required
