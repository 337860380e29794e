"""Statements on etl_waiting: a fact's rows that wait for a dimension. Pure text, with the parameters of load/sql.py."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from collections.abc import Mapping

from shared.ledger.deletions import ADD_DELETIONS, AGAIN_DELETED, is_absent, is_deleted
from shared.ledger.stage import STAGE, listed, record_column
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target


def missing_references(target: Target) -> str:
    """Select one row that says, for each reference in order, whether a staged row names a key that its dimension
    lacks."""
    return "SELECT " + ", ".join(
        f"EXISTS (SELECT FROM (SELECT DISTINCT {quoted(column)} FROM {STAGE}) staged WHERE {lack})"
        for column, lack in _lacks(target, "staged").items()
    )


def _lacks(target: Target, alias: str) -> dict[str, str]:
    """Return, per referring column, the condition that its dimension lacks the key that the row names."""
    return {
        column: f"({alias}.{quoted(column)} IS NOT NULL AND NOT EXISTS (SELECT FROM {quoted(dimension)} dimension "
        f"WHERE dimension.{quoted(key)} = {alias}.{quoted(column)}))"
        for column, (dimension, key) in target.references.items()
    }


def _lacks_any(target: Target, alias: str) -> str:
    return "(" + " OR ".join(_lacks(target, alias).values() or ["false"]) + ")"


def _reason(target: Target, alias: str) -> str:
    """Return SQL for the reason why the row waits, or null when it lacks nothing."""
    reasons = ", ".join(
        f"CASE WHEN {lack} THEN {literal(f'{column} is not in {target.references[column][0]}')} END"
        for column, lack in _lacks(target, alias).items()
    )
    return f"nullif(concat_ws('; ', {reasons or 'NULL'}), '')"


def _first_lacking(target: Target, alias: str) -> str:
    """Return SQL for the name of the first dimension that lacks the key that the row names, or null."""
    lacking = " ".join(
        f"WHEN {lack} THEN {literal(target.references[column][0])}" for column, lack in _lacks(target, alias).items()
    )
    return f"CASE {lacking} END" if lacking else "NULL"


def is_any_waiting() -> str:
    return "SELECT EXISTS (SELECT FROM etl_waiting WHERE table_name = :table)"


def unstage_repeated(target: Target) -> str:
    """Remove the staged rows that say what their keys' last waiting versions say: each full batch brings them again."""
    return f"""
        DELETE FROM {STAGE} staged USING ({LAST_WAITING}) w
        WHERE w.key = staged.{quoted(target.key)} AND w.row = to_jsonb(staged)"""


def keep_waiting(target: Target) -> str:
    """Move rows from the stage into etl_waiting: those that lack a dimension, and those whose key has earlier ones
    there."""
    key, columns = quoted(target.key), listed(target.columns, "staged.")
    return f"""
        WITH kept AS (
            DELETE FROM {STAGE} staged
            WHERE {_lacks_any(target, "staged")}
               OR EXISTS (SELECT FROM etl_waiting w WHERE w.table_name = :table AND w.key = staged.{key})
            RETURNING {columns})
        INSERT INTO etl_waiting (table_name, key, log_id, run, snapshot_at, row, reason, dimension)
        SELECT :table, kept.{key}, :log, :run, CAST(:snapshot_at AS timestamp), to_jsonb(kept),
               coalesce({_reason(target, "kept")}, 'behind an earlier version that waits'),
               {_first_lacking(target, "kept")}
        FROM kept
        ON CONFLICT (table_name, key, log_id, run) DO NOTHING"""


# began_no puts the runs of two logs in order. A log whose row is gone is taken for the oldest.
_LOG_NO = "coalesce(log.began_no, 0)"

WAITING_RUNS = f"""
    SELECT waiting.log_id, waiting.run, min(waiting.snapshot_at)
    FROM etl_waiting waiting LEFT JOIN etl_log log USING (log_id)
    WHERE waiting.table_name = :table
    GROUP BY {_LOG_NO}, waiting.log_id, waiting.run ORDER BY {_LOG_NO}, waiting.run"""

# The keys' first waiting entries: no earlier one stands before them.
_FIRST_OF_RUN = f"""
        waiting.table_name = :table AND waiting.log_id = :log AND waiting.run = :run
        AND NOT EXISTS (
            SELECT FROM etl_waiting earlier LEFT JOIN etl_log log USING (log_id)
            WHERE earlier.table_name = :table AND earlier.key = waiting.key
              AND ({_LOG_NO}, earlier.run) < (coalesce((SELECT began_no FROM etl_log WHERE log_id = :log), 0), :run))"""


def give_way(target: Target, awaited: Mapping[str, int]) -> str:
    """Move waiting versions that cannot come, and that hold up what can, from etl_waiting into etl_quarantine.

    A version cannot come when it is of :given_up_before or older and its dimension lacks what it names, and has no run
    to load that could bring it: `awaited` is, per dimension, the first run of log :log that it has still to load. It
    holds up a deletion of its key, or a later version that lacks nothing. The entry is closed by the run for which the
    first such gives way: it records what was left out, and needs no repair. Needs an empty stage.
    """
    return f"""
        WITH entry AS (
            SELECT waiting.key, waiting.log_id, waiting.run, {_LOG_NO} AS log_no, waiting.snapshot_at,
                   CASE WHEN waiting.row IS NOT NULL THEN {_reason(target, "staged")} END AS lack,
                   waiting.snapshot_at <= CAST(:given_up_before AS timestamp)
                       AND NOT ({_is_awaited(target, awaited)}) AS is_given_up
            FROM etl_waiting waiting LEFT JOIN etl_log log USING (log_id)
            CROSS JOIN LATERAL jsonb_populate_record(NULL::{STAGE}, coalesce(waiting.row, '{{}}')) staged
            WHERE waiting.table_name = :table AND waiting.key IN (
                SELECT key FROM etl_waiting WHERE table_name = :table GROUP BY key HAVING count(*) > 1)),
        given_up AS (
            SELECT DISTINCT ON (entry.key, entry.log_no, entry.log_id, entry.run)
                   entry.*, later.run AS closed_run, later.snapshot_at AS closed_at
            FROM entry JOIN entry later
              ON later.key = entry.key AND (later.log_no, later.run) > (entry.log_no, entry.run)
            WHERE entry.lack IS NOT NULL AND entry.is_given_up AND later.lack IS NULL
            ORDER BY entry.key, entry.log_no, entry.log_id, entry.run, later.log_no, later.run),
        given_way AS (
            DELETE FROM etl_waiting waiting USING given_up
            WHERE waiting.table_name = :table AND waiting.key = given_up.key
              AND waiting.log_id = given_up.log_id AND waiting.run = given_up.run
            RETURNING given_up.*)
        INSERT INTO etl_quarantine (table_name, key, log_id, run, reason, opened_at, closed_run, closed_at)
        SELECT :table, CAST(key AS text), log_id, run, lack, snapshot_at, closed_run, closed_at FROM given_way
        ON CONFLICT (table_name, key, log_id, run) DO UPDATE
            SET reason = excluded.reason, closed_run = excluded.closed_run, closed_at = excluded.closed_at"""


def _is_awaited(target: Target, awaited: Mapping[str, int]) -> str:
    """Return the condition that a dimension which a waiting row lacks has a run to load up to the row's own run.

    The keys that a row of an older log names are in the first run, which reads everything.
    """
    conditions = [
        f"{lack} AND CASE WHEN waiting.log_id = :log THEN waiting.run ELSE 1 END >= {awaited[dimension]:d}"
        for (dimension, _), lack in zip(target.references.values(), _lacks(target, "staged").values(), strict=True)
        if dimension in awaited
    ]
    return " OR ".join(conditions) or "false"


def stage_waiting() -> str:
    """Stage the rows of one run that are their keys' first waiting ones, as they were staged then."""
    return f"""
        INSERT INTO {STAGE} SELECT (jsonb_populate_record(NULL::{STAGE}, waiting.row)).* FROM etl_waiting waiting
        WHERE waiting.row IS NOT NULL AND {_FIRST_OF_RUN}"""


def unstage_lacking(target: Target) -> str:
    return f"DELETE FROM {STAGE} staged WHERE {_lacks_any(target, 'staged')}"


def release_deletions(target: Target) -> str:
    """Insert the deletions of one run whose versions have all been loaded."""
    key = quoted(target.key)
    return f"""
        WITH due AS (
            DELETE FROM etl_waiting waiting WHERE waiting.row IS NULL AND {_FIRST_OF_RUN} RETURNING waiting.key)
        INSERT INTO etl_deletion {ADD_DELETIONS}
        SELECT :table, due.key, :log, :run, CAST(:snapshot_at AS timestamp), max(record.{record_column(target)})
        FROM due LEFT JOIN {quoted(target.name)} record ON record.{key} = due.key
        WHERE NOT {is_deleted(target, "due.key")}
        GROUP BY due.key
        {AGAIN_DELETED}"""


def remove_released(target: Target) -> str:
    return f"""
        DELETE FROM etl_waiting waiting
        WHERE waiting.table_name = :table AND waiting.log_id = :log AND waiting.run = :run
          AND EXISTS (SELECT FROM {STAGE} staged WHERE staged.{quoted(target.key)} = waiting.key)"""


def queue_deletions(target: Target) -> str:
    """Insert the deletion of a key that a full batch lacks into etl_waiting, behind the key's waiting versions."""
    return f"""
        INSERT INTO etl_waiting (table_name, key, log_id, run, snapshot_at, row, reason)
        SELECT :table, w.key, :log, :run, CAST(:snapshot_at AS timestamp), NULL, 'deleted behind waiting versions'
        FROM ({LAST_WAITING}) w
        WHERE w.row IS NOT NULL AND {is_absent("w.key", quoted(target.key))}
        ON CONFLICT (table_name, key, log_id, run) DO NOTHING"""


LAST_WAITING = f"""
            SELECT DISTINCT ON (waiting.key) waiting.key, waiting.row
            FROM etl_waiting waiting LEFT JOIN etl_log log USING (log_id)
            WHERE waiting.table_name = :table ORDER BY waiting.key, {_LOG_NO} DESC, waiting.run DESC"""

COUNT_WAITING = """
SELECT table_name, count(*), min(snapshot_at),
       (array_agg(dimension ORDER BY snapshot_at) FILTER (WHERE dimension IS NOT NULL))[1]
FROM etl_waiting GROUP BY table_name
"""
