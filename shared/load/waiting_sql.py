"""The loader's statements on facts that wait for a dimension. Pure text, with the parameters of sql.py."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from shared.load.sql import STAGE, is_absent, is_deleted, listed, record_column
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


def missing_references(target: Target) -> str:
    """One row with, for each reference in order, whether a staged row names what its dimension lacks."""
    return "SELECT " + ", ".join(
        f"EXISTS (SELECT FROM (SELECT DISTINCT {quoted(column)} FROM {STAGE}) staged WHERE {lack})"
        for column, lack in _lacks(target, "staged").items()
    )


def _lacks(target: Target, alias: str) -> dict[str, str]:
    """Per referring column, the condition that its dimension has not what the row names."""
    return {
        column: f"({alias}.{quoted(column)} IS NOT NULL AND NOT EXISTS (SELECT FROM {quoted(dimension)} dimension "
        f"WHERE dimension.{quoted(key)} = {alias}.{quoted(column)}))"
        for column, (dimension, key) in target.references.items()
    }


def _lacks_any(target: Target, alias: str) -> str:
    return "(" + " OR ".join(_lacks(target, alias).values() or ["false"]) + ")"


def is_any_waiting() -> str:
    return "SELECT EXISTS (SELECT FROM etl_waiting WHERE table_name = :table)"


def set_aside(target: Target) -> str:
    """From the stage into etl_waiting: rows that lack a dimension, and those whose key has earlier ones there."""
    key = quoted(target.key)
    lacks = _lacks(target, "aside")
    reasons = ", ".join(
        f"CASE WHEN {lack} THEN {literal(f'{column} is not in {target.references[column][0]}')} END"
        for column, lack in lacks.items()
    )
    columns = listed(target.columns, "staged.")
    return f"""
        WITH aside AS (
            DELETE FROM {STAGE} staged
            WHERE {_lacks_any(target, "staged")}
               OR EXISTS (SELECT FROM etl_waiting w WHERE w.table_name = :table AND w.key = staged.{key})
            RETURNING {columns})
        INSERT INTO etl_waiting (table_name, key, log_id, run, snapshot_at, row, reason)
        SELECT :table, aside.{key}, :log, :run, CAST(:snapshot_at AS timestamp), to_jsonb(aside),
               coalesce(nullif(concat_ws('; ', {reasons or "NULL"}), ''), 'behind an earlier version that waits')
        FROM aside"""


WAITING_RUNS = """
    SELECT waiting.log_id, waiting.run, min(waiting.snapshot_at)
    FROM etl_waiting waiting JOIN etl_log log USING (log_id)
    WHERE waiting.table_name = :table
    GROUP BY log.began_no, waiting.log_id, waiting.run ORDER BY log.began_no, waiting.run"""

# The keys' first waiting entries: no earlier one stands before them.
_FIRST_OF_RUN = """
        waiting.table_name = :table AND waiting.log_id = :log AND waiting.run = :run
        AND NOT EXISTS (
            SELECT FROM etl_waiting earlier JOIN etl_log log USING (log_id)
            WHERE earlier.table_name = :table AND earlier.key = waiting.key
              AND (log.began_no, earlier.run) < ((SELECT began_no FROM etl_log WHERE log_id = :log), :run))"""


def stage_waiting() -> str:
    """The rows of one run that are their keys' first waiting ones, as they were staged then."""
    return f"""
        INSERT INTO {STAGE} SELECT (jsonb_populate_record(NULL::{STAGE}, waiting.row)).* FROM etl_waiting waiting
        WHERE waiting.row IS NOT NULL AND {_FIRST_OF_RUN}"""


def unstage_lacking(target: Target) -> str:
    return f"DELETE FROM {STAGE} staged WHERE {_lacks_any(target, 'staged')}"


def release_deletions(target: Target) -> str:
    """The deletions of one run whose versions have all been loaded."""
    key = quoted(target.key)
    return f"""
        WITH due AS (
            DELETE FROM etl_waiting waiting WHERE waiting.row IS NULL AND {_FIRST_OF_RUN} RETURNING waiting.key)
        INSERT INTO etl_deletion (table_name, key, log_id, run, deleted_at, last_record_id)
        SELECT :table, due.key, :log, :run, CAST(:snapshot_at AS timestamp), max(record.{record_column(target)})
        FROM due LEFT JOIN {quoted(target.name)} record ON record.{key} = due.key
        WHERE NOT {is_deleted(target, "due.key")}
        GROUP BY due.key"""


def remove_released(target: Target) -> str:
    return f"""
        DELETE FROM etl_waiting waiting
        WHERE waiting.table_name = :table AND waiting.log_id = :log AND waiting.run = :run
          AND EXISTS (SELECT FROM {STAGE} staged WHERE staged.{quoted(target.key)} = waiting.key)"""


def queue_deletions(target: Target) -> str:
    """A key that a full batch lacks and that has versions waiting is deleted after them, not now."""
    return f"""
        INSERT INTO etl_waiting (table_name, key, log_id, run, snapshot_at, row, reason)
        SELECT :table, w.key, :log, :run, CAST(:snapshot_at AS timestamp), NULL, 'deleted behind waiting versions'
        FROM ({LAST_WAITING}) w
        WHERE w.row IS NOT NULL AND {is_absent("w.key", quoted(target.key))}"""


# began_no puts the runs of two logs in order.
LAST_WAITING = """
            SELECT DISTINCT ON (waiting.key) waiting.key, waiting.row
            FROM etl_waiting waiting JOIN etl_log log USING (log_id)
            WHERE waiting.table_name = :table ORDER BY waiting.key, log.began_no DESC, waiting.run DESC"""
