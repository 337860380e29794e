"""What the warehouse is asked about one row. Pure text: the session's search_path says in which schema."""
# ruff: noqa: S608 - names come from the declarations and each passes quoted()

from shared.columns import INTEGER
from shared.ledger.tables import deletion_key, deletions
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

_LOAD = ("log_id", "run", "load_no", "status", "mode", "manifest_sha256", "snapshot_at", "loaded_at")
_LEDGER = ", ".join(f"ledger.{name}" for name in _LOAD)


def is_numbered(target: Target) -> bool:
    """Return whether an id of this table is an integer: a record id, or a key of that kind."""
    return target.record_id is not None or any(c.name == target.key and c.kind == INTEGER for c in target.columns)


def row(target: Target) -> str:
    """Select the key of the row :id, and the ledger's row of each load that can have made it.

    A record lies between the first and last record id of one load. A dimension's row was written by the transaction of
    its ledger row, which PostgreSQL still knows much later, but not after a restore or a manual change.
    """
    id_ = f"present.{quoted(target.record_id or target.key)}"
    by_record = f"{id_} BETWEEN ledger.first_record_id AND ledger.last_record_id"
    return f"""
        SELECT CAST(present.{quoted(target.key)} AS text), {_LEDGER}
        FROM {quoted(target.name)} present
        LEFT JOIN etl_ledger ledger ON ledger.table_name = :table
              AND {by_record if target.record_id else "ledger.xmin = present.xmin"}
        WHERE {_is_asked(target, id_)}"""


def versions(fact: Target) -> str:
    """Select every record of the business key :id with its times, and the ledger's row of its load."""
    record = f"version.{quoted(fact.record_id or '')}"
    times = ", ".join(_of_a_datetime(f"version.{name}") for name in ("valid_from", "valid_to", "deleted_at"))
    return f"""
        SELECT CAST({record} AS text), {times}, {_LEDGER}
        FROM {quoted(f"history_{fact.name}")} version
        LEFT JOIN LATERAL (
            SELECT * FROM etl_ledger entry
            WHERE entry.table_name = :table AND entry.first_record_id <= {record}
            ORDER BY entry.first_record_id DESC LIMIT 1) ledger ON ledger.last_record_id >= {record}
        WHERE {_is_asked(fact, f"version.{quoted(fact.key)}")} ORDER BY {record}"""


def _of_a_datetime(time: str) -> str:
    """Return SQL that is null where Python's datetime cannot hold the time: a first version is valid from whenever
    its source says."""
    return f"CASE WHEN {time} BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN {time} END"


def _is_asked(target: Target, column: str) -> str:
    return f"{column} = CAST(:id AS bigint)" if is_numbered(target) else f"CAST({column} AS text) = :id"


LAST_LOADS = f"""
    SELECT {_LEDGER} FROM etl_ledger ledger
    WHERE log_id = :log AND table_name = :table AND status = 'loaded' ORDER BY run DESC LIMIT :most"""

QUARANTINED = """
    SELECT log_id, run, opened_at, reason FROM etl_quarantine
    WHERE table_name = :table AND key = :id AND closed_at IS NULL ORDER BY opened_at"""

# began_no puts the runs of two logs in order.
WAITING = """
    SELECT log_id, waiting.run, waiting.snapshot_at, waiting.reason
    FROM etl_waiting waiting JOIN etl_log log USING (log_id)
    WHERE waiting.table_name = :table AND waiting.key = CAST(:id AS bigint) ORDER BY log.began_no, waiting.run"""


def deleted(target: Target) -> str:
    number = "CAST(:id AS bigint)" if is_numbered(target) else ":id"
    return f"""
        SELECT log_id, run, deleted_at, ended_run, ended_at FROM {deletions(target)} deletion
        WHERE table_name = :table AND deletion.key = {deletion_key(target, number)} ORDER BY deleted_at"""
