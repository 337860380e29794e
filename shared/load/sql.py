"""The loader's statements. Pure text: the session's search_path says in which schema.

Names come from the declarations, never from data, and each passes quoted(); values travel as :parameters. The
parameters are always :table, :log, :run and :snapshot_at of the manifest being applied.
"""
# ruff: noqa: S608 - for the reason just given

from collections.abc import Sequence

from shared.columns import Column
from shared.ledger import deletions, differences
from shared.ledger.stage import STAGE, has_earlier, listed, record_column
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

# ---- staging


def create_stage(stage: str, columns: Sequence[Column]) -> str:
    # A prepared warehouse may have other types: INSERT converts.
    fields = ", ".join(f"{quoted(c.name)} {c.kind.stage_type}" for c in columns)
    return f"CREATE TEMPORARY TABLE {stage.removeprefix('pg_temp.')} ({fields}) ON COMMIT DROP"


def copy_stage(stage: str, columns: Sequence[Column]) -> str:
    return f"COPY {stage} ({listed(columns)}) FROM STDIN (FORMAT binary)"


def key_stage(target: Target) -> str:
    """Add a primary key to the stage: each key once and never null, or an error. Its index also serves the joins
    that follow."""
    key = quoted(target.key)
    return f"ALTER TABLE {STAGE} ADD PRIMARY KEY ({key})"


# ---- sets and dimensions


def upsert(target: Target, *, named: bool) -> str:
    """Insert and update rows, and return the numbers of both; they are `named` in etl_difference, or not."""
    change = ", ".join(f"{quoted(c.name)} = {_new_value(target, c, 'excluded')}" for c in _others(target))
    key, columns = quoted(target.key), listed(target.columns)
    # What is as it should be is not even locked, which would be a write. xmax is 0 in a row that no transaction ever
    # updated or locked: one just inserted. A key that the table counts by itself is the source's all the same.
    return f"""
        WITH changed AS (
            INSERT INTO {quoted(target.name)} AS present ({columns}) OVERRIDING SYSTEM VALUE
            SELECT {columns} FROM {STAGE} staged
            WHERE {_is_otherwise(target)}
            ORDER BY {key}
            ON CONFLICT ({key}) DO UPDATE SET {change}
            RETURNING present.{key} AS key, present.xmax = 0 AS is_new){differences.named_of_changed() if named else ""}
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM changed"""


def _others(target: Target) -> Sequence[Column]:
    """Return the columns besides the key; a table that has nothing but its key never differs."""
    return [column for column in target.columns if column.name != target.key] or list(target.columns)


def _is_otherwise(target: Target) -> str:
    """Return the condition that the row `staged` is missing in the table, or there with other values."""
    key, others = quoted(target.key), _others(target)
    new = ", ".join(_new_value(target, column, "staged") for column in others)
    return f"""NOT EXISTS (
                SELECT FROM {quoted(target.name)} present WHERE present.{key} = staged.{key}
                  AND ({listed(others, "present.")}) IS NOT DISTINCT FROM ({new}))"""


def _new_value(target: Target, column: Column, given: str) -> str:
    """Return the value to store.

    A calendar dimension applies its runs in any order, so none changes a value of another: it fills in nulls, such as
    those from before a column was declared.
    """
    name = quoted(column.name)
    return f"coalesce(present.{name}, {given}.{name})" if target.kind == "calendar" else f"{given}.{name}"


# ---- facts


def last_record_id(target: Target) -> str:
    return f"SELECT max({record_column(target)}) FROM {quoted(target.name)}"


def insert_versions(target: Target) -> str:
    """Insert a record for each staged row that differs from its key's latest record, or whose key was deleted."""
    return f"""{_last_of_staged(target)}
        INSERT INTO {quoted(target.name)} ({listed(target.columns)}) OVERRIDING SYSTEM VALUE
        SELECT {listed(target.columns, "staged.")} {_differing_from_last(target)}
           OR {deletions.is_deleted(target, f"staged.{quoted(target.key)}")}
        ORDER BY staged.{quoted(target.key)}"""


def _last_of_staged(target: Target) -> str:
    """Select the latest record of each staged key.

    Grouped, although ORDER BY ... LIMIT 1 for each key would be shorter: without statistics, as after a first load,
    PostgreSQL would search all records for each key, from the last one backwards.
    """
    key, record_id = quoted(target.key), record_column(target)
    return f"""
        WITH last AS (
            SELECT record.{key}, max(record.{record_id}) AS record_id FROM {quoted(target.name)} record
            WHERE record.{key} IN (SELECT {key} FROM {STAGE}) GROUP BY record.{key})"""


def _differing_from_last(target: Target) -> str:
    return f"""FROM {STAGE} staged
        LEFT JOIN last USING ({quoted(target.key)})
        LEFT JOIN {quoted(target.name)} latest ON latest.{record_column(target)} = last.record_id
        WHERE last.record_id IS NULL
           OR ({listed(target.columns, "staged.")}) IS DISTINCT FROM ({listed(target.columns, "latest.")})"""


def count_differing(target: Target) -> str:
    """Count the staged rows that the table does not show."""
    if target.kind == "fact":
        return f"{_last_of_staged(target)} SELECT count(*) {_differing_from_last(target)}"
    return f"SELECT count(*) FROM {STAGE} staged WHERE {_is_otherwise(target)}"


def insert_first(target: Target) -> str:
    """Insert all staged rows, when there is no record yet."""
    columns = listed(target.columns)
    return f"""
        INSERT INTO {quoted(target.name)} ({columns}) OVERRIDING SYSTEM VALUE
        SELECT {columns} FROM {STAGE} ORDER BY {quoted(target.key)}"""


def count_further(target: Target) -> str:
    """Count the records after :before whose key had one already."""
    record_id = record_column(target)
    return f"""
        SELECT count(*) FROM {quoted(target.name)} record
        WHERE record.{record_id} > CAST(:before AS bigint) AND {has_earlier(target)}"""


def made_since(target: Target) -> str:
    """Select the first and last record id after :before, and the newest source change among them that a datetime can
    hold."""
    record_id = record_column(target)
    names = {column.name for column in target.columns}
    dated = {"last_updated_date", "last_updated_time"} <= names
    # A prepared table may hold either as a text.
    day, time = "CAST(last_updated_date AS date)", "CAST(last_updated_time AS time)"
    held = f"{day} BETWEEN '0001-01-01' AND '9999-12-31'"
    newest = f"max({day} + {time}) FILTER (WHERE {held})" if dated else "NULL"
    return f"""
        SELECT min({record_id}), max({record_id}), {newest} FROM {quoted(target.name)}
        WHERE {record_id} > CAST(:before AS bigint)"""
