"""Statements on etl_ledger, etl_log and the bounds in etl_freshness. Pure text; the search_path gives the schema."""
# ruff: noqa: S608 - the columns' names are this module's own

from shared.postgres.connection import quoted

COUNTS = ("rows", "inserted", "updated", "deleted", "unchanged", "waiting", "quarantined")
LEDGER_COLUMNS = (
    *("log_id", "table_name", "run", "load_no", "status", "manifest_sha256", "mode", "cause", "snapshot_at"),
    *("first_record_id", "last_record_id"),
    "attempt",
    *COUNTS,
)


def insert_ledger() -> str:
    columns = ", ".join(quoted(name) for name in LEDGER_COLUMNS)
    values = ", ".join(f":{name}" for name in LEDGER_COLUMNS)
    return f"INSERT INTO etl_ledger ({columns}, loaded_at) VALUES ({values}, now())"


COUNT_ENTRY = """
    UPDATE etl_table SET entries = entries + 1, written_by = mod(txid_current(), 4294967296)::text
    WHERE table_name = :table"""

INSERT_FRESHNESS = """
    INSERT INTO etl_freshness
        (table_name, log_id, run, load_no, snapshot_at, newest_change_at, changed_after, left_out, loaded_at)
    VALUES
        (:table, :log, :run, :load_no, :snapshot_at, :newest_change_at, :changed_after, :left_out, clock_timestamp())
    ON CONFLICT (table_name, log_id, run, load_no) DO NOTHING"""

BOUNDS = """
    SELECT changed_after, left_out FROM etl_freshness
    WHERE log_id = :log AND table_name = :table AND run = :run AND load_no = 0"""

# The bounds of the runs that a full batch, :run, has superseded.
SUPERSEDED_BOUNDS = """
    SELECT f.changed_after, f.left_out
    FROM etl_ledger l LEFT JOIN etl_freshness f USING (log_id, table_name, run, load_no)
    WHERE log_id = :log AND table_name = :table AND run < :run AND l.status = 'superseded' AND run > (
        SELECT coalesce(max(run), 0) FROM etl_ledger
        WHERE log_id = :log AND table_name = :table AND run < :run AND status = 'loaded')"""

LEDGER_AFTER = (
    "SELECT run, table_name, manifest_sha256, status, attempt FROM etl_ledger"
    " WHERE log_id = :log AND load_no = 0 AND run > :run"
)

# 0 also where the manifest's own row was deleted by hand.
LAST_LOAD = """
    SELECT coalesce(max(load_no), 0), max(manifest_sha256) FROM etl_ledger
    WHERE log_id = :log AND table_name = :table AND run = :run"""

LAST_BEFORE = """
    SELECT max(run) FROM etl_ledger
    WHERE log_id = :log AND table_name = :table AND run < :run AND status = 'loaded'"""

KNOWN_LOG = """
    SELECT complete_run, CASE WHEN coalesce(attempted_run, complete_run) = complete_run THEN complete_attempt END,
           began_no = (SELECT max(began_no) FROM etl_log)
    FROM etl_log WHERE log_id = :log"""

BEGIN_LOG = """
    INSERT INTO etl_log (log_id, began_at, began_no, complete_run)
    SELECT :log, now(), coalesce(max(began_no), 0) + 1, CAST(:run AS integer) FROM etl_log"""

# etl_freshness has an index on loaded_at; a load that superseded runs has one entry of its own there.
ROWS_IN_THE_LAST_HOUR = """
    SELECT coalesce(sum(l.inserted + l.updated + l.deleted), 0)
    FROM etl_freshness f JOIN etl_ledger l USING (log_id, table_name, run, load_no)
    WHERE f.loaded_at > now() - interval '1 hour'"""

LAST_RUNS = "SELECT coalesce(last_runs, '{}') FROM etl_log WHERE log_id = :log"

NOTE_LAST_RUN = """
    UPDATE etl_log SET last_runs = coalesce(last_runs, '{}')
        || jsonb_build_object(CAST(:table AS text), CAST(:run AS integer))
    WHERE log_id = :log"""

ADVANCE_LOG = """
    UPDATE etl_log SET complete_run = :run, attempted_run = :run, complete_attempt = :attempt WHERE log_id = :log"""

LAST_RUN = "SELECT greatest((SELECT max(complete_run) FROM etl_log), (SELECT max(run) FROM etl_ledger), 0)"

# Record ids that a load is given a second time are of a table that was emptied, or put back, by hand. What the ledger
# says of their former records is then no longer so.
LAST_RECORD = """
    SELECT max(last_record_id) FROM (
        SELECT last_record_id FROM etl_ledger WHERE table_name = :table AND first_record_id IS NOT NULL
        ORDER BY first_record_id DESC LIMIT 1) last"""

FORGET_RECORDS = """
    UPDATE etl_ledger
    SET first_record_id = CASE WHEN first_record_id < CAST(:first AS bigint) THEN first_record_id END,
        last_record_id = CASE WHEN first_record_id < CAST(:first AS bigint) THEN CAST(:first AS bigint) - 1 END
    WHERE table_name = :table AND last_record_id >= CAST(:first AS bigint)"""

FORGET_LAST_RECORDS = """
    UPDATE etl_deletion SET last_record_id = NULL
    WHERE table_name = :table AND last_record_id >= CAST(:first AS bigint)"""

HAS_LOADED = "SELECT EXISTS (SELECT FROM etl_ledger WHERE table_name = :table AND status = 'loaded')"

# ---- what is loaded, for those who only read

COMPLETE_RUN = "SELECT coalesce(max(complete_run), 0) FROM etl_log WHERE log_id = :log"
CURRENT_LOG = "SELECT log_id, complete_run FROM etl_log ORDER BY began_no DESC LIMIT 1"
APPLIED_AFTER = "SELECT run, table_name FROM etl_ledger WHERE log_id = :log AND run > :run"
# A calendar dimension takes its runs in any order, the others in the order of the log: a run is finished when the
# ledger has it.
STATUS_OF_RUNS = """
SELECT run, status FROM etl_ledger
WHERE log_id = :log AND table_name = :table AND load_no = 0 AND run = ANY(CAST(:runs AS integer[])) ORDER BY run
"""
# The newest entry of each table, which the primary key leads to: the ledger grows for ever.
LAST_LOADED = """
SELECT asked.name, last.run, last.snapshot_at
FROM unnest(CAST(:tables AS text[])) AS asked (name)
CROSS JOIN LATERAL (
    SELECT run, snapshot_at FROM etl_ledger
    WHERE log_id = :log AND table_name = asked.name AND status = 'loaded' ORDER BY run DESC LIMIT 1) last
"""
# A grouped dimension's manifest is all of it.
LAST_ROWS = """
SELECT rows FROM etl_ledger
WHERE log_id = :log AND table_name = :table AND status = 'loaded' ORDER BY run DESC LIMIT 1
"""
# Rows that the last reconcile repaired. What was deleted from the source is no damage in the warehouse.
DIFFERENCES = """
SELECT table_name, inserted + updated FROM etl_ledger
WHERE log_id = :log AND cause = 'reconcile' AND inserted + updated > 0 AND run = (
    SELECT max(run) FROM etl_ledger AS later
    WHERE later.log_id = :log AND later.cause = 'reconcile' AND later.table_name = etl_ledger.table_name)
"""
# The last column is the seconds from the source's snapshot until it was loaded.
ENTRIES_OF_RUN = f"""
SELECT table_name, status, {", ".join(COUNTS)},
       CAST(extract(epoch FROM loaded_at - snapshot_at AT TIME ZONE 'UTC') AS float)
FROM etl_ledger WHERE log_id = :log AND run = :run AND load_no = 0 ORDER BY table_name
"""
NAMED_DIFFERENCES = (
    "SELECT table_name, found, key FROM etl_difference WHERE log_id = :log AND run = :run ORDER BY 1, 2, 3"
)
LAST_RECONCILE = """
SELECT log_id, run, min(snapshot_at)::text FROM etl_ledger JOIN etl_log USING (log_id)
WHERE cause = 'reconcile' GROUP BY began_no, log_id, run ORDER BY began_no DESC, run DESC LIMIT 1
"""
