"""The statements on ledger and log. Pure text: the session's search_path says in which schema."""
# ruff: noqa: S608 - the columns' names are this module's own

from shared.postgres.connection import quoted

COUNTS = ("rows", "inserted", "updated", "deleted", "unchanged", "waiting", "quarantined")
LEDGER_COLUMNS = (
    *("log_id", "table_name", "run", "load_no", "status", "manifest_sha256", "mode", "cause", "snapshot_at"),
    *("first_record_id", "last_record_id"),
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
    INSERT INTO etl_freshness (table_name, log_id, run, load_no, snapshot_at, newest_change_at, loaded_at)
    VALUES (:table, :log, :run, :load_no, :snapshot_at, :newest_change_at, clock_timestamp())"""

LEDGER_AFTER = (
    "SELECT run, table_name, manifest_sha256, status FROM etl_ledger WHERE log_id = :log AND load_no = 0 AND run > :run"
)

LAST_LOAD = """
    SELECT max(load_no), max(manifest_sha256) FROM etl_ledger
    WHERE log_id = :log AND table_name = :table AND run = :run"""

LAST_BEFORE = """
    SELECT max(run) FROM etl_ledger
    WHERE log_id = :log AND table_name = :table AND run < :run AND status = 'loaded'"""

KNOWN_LOG = "SELECT complete_run, began_no = (SELECT max(began_no) FROM etl_log) FROM etl_log WHERE log_id = :log"

BEGIN_LOG = """
    INSERT INTO etl_log (log_id, began_at, began_no, complete_run)
    SELECT :log, now(), coalesce(max(began_no), 0) + 1, 0 FROM etl_log"""

ADVANCE_LOG = "UPDATE etl_log SET complete_run = :run WHERE log_id = :log"

FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, attname::text
    FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
    WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND array_length(conkey, 1) = 1"""

HAS_LOADED = "SELECT EXISTS (SELECT FROM etl_ledger WHERE table_name = :table AND status = 'loaded')"
