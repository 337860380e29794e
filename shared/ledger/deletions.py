"""Statements on etl_deletion and etl_text_deletion: keys that the source no longer has. Pure text, with the parameters
of load/sql.py."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from shared.ledger.stage import REJECTED, STAGE, record_column
from shared.ledger.tables import deletion_key, deletions
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


def is_deleted(target: Target, key: str) -> str:
    return f"""EXISTS (
            SELECT FROM {deletions(target)} deletion
            WHERE deletion.table_name = {literal(target.name)} AND deletion.key = {deletion_key(target, key)}
              AND deletion.ended_at IS NULL)"""


def delete_absent(target: Target) -> str:
    """Insert the keys of the warehouse that a full batch neither has nor rejected. Keys with waiting versions follow
    later."""
    key, is_fact = quoted(target.key), target.kind == "fact"
    last = f"max(present.{record_column(target)})" if is_fact else "CAST(NULL AS bigint)"
    waits = f"EXISTS (SELECT FROM etl_waiting w WHERE w.table_name = :table AND w.key = present.{key})"
    return f"""
        INSERT INTO {deletions(target)} {ADD_DELETIONS}
        SELECT :table, {deletion_key(target, f"present.{key}")}, :log, :run, CAST(:snapshot_at AS timestamp), {last}
        FROM {quoted(target.name)} present
        WHERE {is_absent(f"present.{key}", key)}
          AND NOT {is_deleted(target, f"present.{key}")}
          AND NOT {waits if is_fact else "false"}
        GROUP BY present.{key}
        {AGAIN_DELETED}"""


ADD_DELETIONS = "(table_name, key, log_id, run, deleted_at, last_record_id)"
# A manifest whose ledger row was deleted by hand is loaded again, and finds what it wrote.
AGAIN_DELETED = """ON CONFLICT (table_name, key, log_id, run) DO UPDATE
            SET deleted_at = excluded.deleted_at, last_record_id = excluded.last_record_id,
                ended_run = NULL, ended_at = NULL"""


def is_absent(value: str, key: str) -> str:
    return f"""NOT EXISTS (SELECT FROM {STAGE} staged WHERE staged.{key} = {value})
          AND NOT EXISTS (SELECT FROM {REJECTED} refused WHERE refused.key = CAST({value} AS text))"""


def end_deletions(target: Target) -> str:
    return f"""
        UPDATE {deletions(target)} deletion SET ended_run = :run, ended_at = CAST(:snapshot_at AS timestamp)
        WHERE table_name = :table AND ended_at IS NULL
          AND EXISTS (
            SELECT FROM {STAGE} staged
            WHERE {deletion_key(target, f"staged.{quoted(target.key)}")} = deletion.key)"""


def deleted_keys(target: Target) -> str:
    """Return the query for the target's keys that the source does not have now."""
    return f"SELECT key FROM {deletions(target)} WHERE table_name = {literal(target.name)} AND ended_at IS NULL"
