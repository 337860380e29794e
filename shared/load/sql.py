"""The loader's statements. Pure text: the session's search_path says in which schema.

Names come from the declarations, never from data, and each passes quoted(); values travel as :parameters. The
parameters are always :table, :log, :run and :snapshot_at of the manifest being applied.
"""
# ruff: noqa: S608 - for the reason just given

from collections.abc import Sequence

from shared.columns import Column, Kind
from shared.load.bookkeeping import DIFFERING, GONE, MISSING, deletion_key, deletions
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

STAGE = "pg_temp.etl_stage"
REFUSED = "pg_temp.etl_refused"
REFUSED_COLUMNS = (Column("key", Kind.TEXT, nullable=True), Column("reason", Kind.TEXT, nullable=True))

# A prepared warehouse may have other types: what is staged is what travels, and INSERT converts.
TYPES = {
    Kind.INTEGER: "integer",
    Kind.MONEY: "numeric(10,2)",
    Kind.BOOLEAN: "boolean",
    Kind.TEXT: "text",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
}


def _list(columns: Sequence[Column], alias: str = "") -> str:
    return ", ".join(alias + quoted(column.name) for column in columns)


# ---- staging


def create_stage(stage: str, columns: Sequence[Column]) -> str:
    fields = ", ".join(f"{quoted(c.name)} {TYPES[c.kind]}" for c in columns)
    return f"CREATE TEMPORARY TABLE {stage.removeprefix('pg_temp.')} ({fields}) ON COMMIT DROP"


def copy_stage(stage: str, columns: Sequence[Column]) -> str:
    return f"COPY {stage} ({_list(columns)}) FROM STDIN (FORMAT binary)"


def key_stage(target: Target) -> str:
    """Each key once and never null, or an error; the index also serves the joins that follow."""
    key = quoted(target.key)
    return f"ALTER TABLE {STAGE} ADD PRIMARY KEY ({key})"


# ---- sets and dimensions


def upsert(target: Target, *, named: bool) -> str:
    """Answers with the numbers of rows inserted and updated, which are `named` in etl_difference, or not."""
    # One that has nothing but its key never differs.
    others = [column for column in target.columns if column.name != target.key] or list(target.columns)
    change = ", ".join(f"{quoted(c.name)} = {_new_value(target, c, 'excluded')}" for c in others)
    new = ", ".join(_new_value(target, column, "staged") for column in others)
    key, columns = quoted(target.key), _list(target.columns)
    # What is as it should be is not even locked, which would be a write. xmax is 0 in a row that no transaction ever
    # updated or locked: one just inserted.
    return f"""
        WITH changed AS (
            INSERT INTO {quoted(target.name)} AS present ({columns})
            SELECT {columns} FROM {STAGE} staged
            WHERE NOT EXISTS (
                SELECT FROM {quoted(target.name)} present WHERE present.{key} = staged.{key}
                  AND ({_list(others, "present.")}) IS NOT DISTINCT FROM ({new}))
            ORDER BY {key}
            ON CONFLICT ({key}) DO UPDATE SET {change}
            RETURNING present.{key} AS key, present.xmax = 0 AS is_new){_named_of_changed() if named else ""}
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM changed"""


def _new_value(target: Target, column: Column, given: str) -> str:
    """A set takes its runs in any order, so none changes what another has said: it fills in what was null, which
    is all there was to say before the column was declared."""
    name = quoted(column.name)
    return f"coalesce(present.{name}, {given}.{name})" if target.kind == "set" else f"{given}.{name}"


# ---- facts


def last_record_id(target: Target) -> str:
    return f"SELECT max({_record_id(target)}) FROM {quoted(target.name)}"


def insert_versions(target: Target) -> str:
    """A record of each staged row that is not what its key's latest record says, or whose key was deleted."""
    key, record_id = quoted(target.key), _record_id(target)
    # Grouped, where ORDER BY ... LIMIT 1 for each key would be shorter: without statistics, as after a first load,
    # PostgreSQL would look for each key's latest record among all records, from the last one backwards.
    return f"""
        WITH last AS (
            SELECT record.{key}, max(record.{record_id}) AS record_id FROM {quoted(target.name)} record
            WHERE record.{key} IN (SELECT {key} FROM {STAGE}) GROUP BY record.{key})
        INSERT INTO {quoted(target.name)} ({_list(target.columns)})
        SELECT {_list(target.columns, "staged.")} FROM {STAGE} staged
        LEFT JOIN last USING ({key})
        LEFT JOIN {quoted(target.name)} latest ON latest.{record_id} = last.record_id
        WHERE last.record_id IS NULL
           OR ({_list(target.columns, "staged.")}) IS DISTINCT FROM ({_list(target.columns, "latest.")})
           OR {_is_deleted(target, f"staged.{key}")}
        ORDER BY staged.{key}"""


def insert_first(target: Target) -> str:
    """The same, quicker, when there is no record yet."""
    columns = _list(target.columns)
    return f"""
        INSERT INTO {quoted(target.name)} ({columns}) SELECT {columns} FROM {STAGE} ORDER BY {quoted(target.key)}"""


def count_further(target: Target) -> str:
    """Of the records after :before, those whose key had one already."""
    record_id = _record_id(target)
    return f"""
        SELECT count(*) FROM {quoted(target.name)} record
        WHERE record.{record_id} > CAST(:before AS bigint) AND {_has_earlier(target)}"""


def _has_earlier(target: Target) -> str:
    key, record_id = quoted(target.key), _record_id(target)
    return f"""EXISTS (
            SELECT FROM {quoted(target.name)} earlier
            WHERE earlier.{key} = record.{key} AND earlier.{record_id} < record.{record_id})"""


def made_since(target: Target) -> str:
    """First and last record id after :before, and the newest source change among them."""
    record_id = _record_id(target)
    names = {column.name for column in target.columns}
    dated = {"last_updated_date", "last_updated_time"} <= names
    newest = "max(last_updated_date + last_updated_time)" if dated else "NULL"
    return f"""
        SELECT min({record_id}), max({record_id}), {newest} FROM {quoted(target.name)}
        WHERE {record_id} > CAST(:before AS bigint)"""


def _record_id(target: Target) -> str:
    return quoted(target.record_id or target.key)


# ---- what a reconcile has found

# So many of a kind are named: more is no case for reading one by one.
MOST_NAMED = 1000


def _named_of_changed() -> str:
    return f""",
        named AS ({_NAME}
            SELECT :table, CAST(key AS text), :log, :run,
                   CASE WHEN is_new THEN {literal(MISSING)} ELSE {literal(DIFFERING)} END
            FROM changed ORDER BY key LIMIT {MOST_NAMED})"""


def name_made(target: Target) -> str:
    """Of the records after :before."""
    key, record_id = quoted(target.key), _record_id(target)
    return f"""{_NAME}
        SELECT :table, CAST(record.{key} AS text), :log, :run,
               CASE WHEN {_has_earlier(target)} THEN {literal(DIFFERING)} ELSE {literal(MISSING)} END
        FROM {quoted(target.name)} record WHERE record.{record_id} > CAST(:before AS bigint)
        ORDER BY record.{key} LIMIT {MOST_NAMED}"""


def name_deleted(target: Target) -> str:
    return f"""{_NAME}
        SELECT table_name, CAST(key AS text), log_id, run, {literal(GONE)} FROM {deletions(target)}
        WHERE table_name = :table AND log_id = :log AND run = :run ORDER BY key LIMIT {MOST_NAMED}"""


_NAME = "INSERT INTO etl_difference (table_name, key, log_id, run, found)"


# ---- deletions


def _is_deleted(target: Target, key: str) -> str:
    return f"""EXISTS (
            SELECT FROM {deletions(target)} deletion
            WHERE deletion.table_name = {literal(target.name)} AND deletion.key = {deletion_key(target, key)}
              AND deletion.ended_at IS NULL)"""


def delete_absent(target: Target) -> str:
    """Keys of the warehouse that a full batch neither has nor refused. Those with waiting versions come later."""
    key, is_fact = quoted(target.key), target.kind == "fact"
    last = f"max(present.{_record_id(target)})" if is_fact else "CAST(NULL AS bigint)"
    waits = f"EXISTS (SELECT FROM etl_waiting w WHERE w.table_name = :table AND w.key = present.{key})"
    return f"""
        INSERT INTO {deletions(target)} (table_name, key, log_id, run, deleted_at, last_record_id)
        SELECT :table, {deletion_key(target, f"present.{key}")}, :log, :run, CAST(:snapshot_at AS timestamp), {last}
        FROM {quoted(target.name)} present
        WHERE {_is_absent(f"present.{key}", key)}
          AND NOT {_is_deleted(target, f"present.{key}")}
          AND NOT {waits if is_fact else "false"}
        GROUP BY present.{key}"""


def _is_absent(value: str, key: str) -> str:
    return f"""NOT EXISTS (SELECT FROM {STAGE} staged WHERE staged.{key} = {value})
          AND NOT EXISTS (SELECT FROM {REFUSED} refused WHERE refused.key = CAST({value} AS text))"""


def queue_deletions(target: Target) -> str:
    """A key that a full batch lacks and that has versions waiting is deleted after them, not now."""
    return f"""
        INSERT INTO etl_waiting (table_name, key, log_id, run, snapshot_at, row, reason)
        SELECT :table, w.key, :log, :run, CAST(:snapshot_at AS timestamp), NULL, 'deleted behind waiting versions'
        FROM ({LAST_WAITING}) w
        WHERE w.row IS NOT NULL AND {_is_absent("w.key", quoted(target.key))}"""


# began_no puts the runs of two logs in order.
LAST_WAITING = """
            SELECT DISTINCT ON (waiting.key) waiting.key, waiting.row
            FROM etl_waiting waiting JOIN etl_log log USING (log_id)
            WHERE waiting.table_name = :table ORDER BY waiting.key, log.began_no DESC, waiting.run DESC"""


def end_deletions(target: Target) -> str:
    return f"""
        UPDATE {deletions(target)} deletion SET ended_run = :run, ended_at = CAST(:snapshot_at AS timestamp)
        WHERE table_name = :table AND ended_at IS NULL
          AND EXISTS (
            SELECT FROM {STAGE} staged
            WHERE {deletion_key(target, f"staged.{quoted(target.key)}")} = deletion.key)"""


# ---- facts that wait for a dimension


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
    columns = _list(target.columns, "staged.")
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
        SELECT :table, due.key, :log, :run, CAST(:snapshot_at AS timestamp), max(record.{_record_id(target)})
        FROM due LEFT JOIN {quoted(target.name)} record ON record.{key} = due.key
        WHERE NOT {_is_deleted(target, "due.key")}
        GROUP BY due.key"""


def remove_released(target: Target) -> str:
    return f"""
        DELETE FROM etl_waiting waiting
        WHERE waiting.table_name = :table AND waiting.log_id = :log AND waiting.run = :run
          AND EXISTS (SELECT FROM {STAGE} staged WHERE staged.{quoted(target.key)} = waiting.key)"""


# ---- quarantine


def close_quarantine(target: Target, *, full: bool) -> str:
    """A key is open once: what this run brought, or refused again, closes the former entry. A full batch has
    judged every key anew."""
    brought = f"""
          AND (EXISTS (SELECT FROM {STAGE} s WHERE CAST(s.{quoted(target.key)} AS text) = etl_quarantine.key)
            OR EXISTS (SELECT FROM {REFUSED} r WHERE coalesce(r.key, '') = etl_quarantine.key))"""
    return f"""
        UPDATE etl_quarantine SET closed_run = :run, closed_at = CAST(:snapshot_at AS timestamp)
        WHERE table_name = :table AND closed_at IS NULL{"" if full else brought}"""


OPEN_QUARANTINE = f"""
        INSERT INTO etl_quarantine (table_name, key, log_id, run, reason, opened_at)
        SELECT :table, coalesce(key, ''), :log, :run,
               coalesce(string_agg(DISTINCT reason, '; '), 'no reason given'), CAST(:snapshot_at AS timestamp)
        FROM {REFUSED} GROUP BY coalesce(key, '')"""
