"""The statements on ledger and log. Pure text: the session's search_path says in which schema."""
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

# Of the runs that a full batch, :run, stands for as well.
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

LAST_RUNS = "SELECT coalesce(last_runs, '{}') FROM etl_log WHERE log_id = :log"

TOOK = """
    UPDATE etl_log SET last_runs = coalesce(last_runs, '{}')
        || jsonb_build_object(CAST(:table AS text), CAST(:run AS integer))
    WHERE log_id = :log"""

ADVANCE_LOG = """
    UPDATE etl_log SET complete_run = :run, attempted_run = :run, complete_attempt = :attempt WHERE log_id = :log"""

LAST_RUN = "SELECT greatest((SELECT max(complete_run) FROM etl_log), (SELECT max(run) FROM etl_ledger), 0)"

FOREIGN_KEYS = """
    SELECT relname::text, attname::text
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE contype = 'f' AND nspname = current_schema() AND array_length(conkey, 1) = 1"""

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
