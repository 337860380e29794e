"""Statements on etl_quarantine: rows that were rejected. Pure text, with the parameters of load/sql.py."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from shared.ledger.stage import REJECTED, STAGE
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target


def close_quarantine(target: Target, *, full: bool) -> str:
    """Close the open entries of keys that this run brought or rejected again, since a key is open once. A full batch
    closes all: it has validated every key."""
    brought = f"""
          AND (EXISTS (SELECT FROM {STAGE} s WHERE CAST(s.{quoted(target.key)} AS text) = etl_quarantine.key)
            OR EXISTS (SELECT FROM {REJECTED} r WHERE coalesce(r.key, '') = etl_quarantine.key))"""
    return f"""
        UPDATE etl_quarantine SET closed_run = :run, closed_at = CAST(:snapshot_at AS timestamp)
        WHERE table_name = :table AND closed_at IS NULL{"" if full else brought}"""


OPEN_QUARANTINE = f"""
        INSERT INTO etl_quarantine (table_name, key, log_id, run, reason, opened_at)
        SELECT :table, coalesce(key, ''), :log, :run,
               coalesce(string_agg(DISTINCT reason, '; '), 'no reason given'), CAST(:snapshot_at AS timestamp)
        FROM {REJECTED} GROUP BY coalesce(key, '')
        ON CONFLICT (table_name, key, log_id, run)
        DO UPDATE SET reason = excluded.reason, closed_run = NULL, closed_at = NULL"""

COUNT_QUARANTINED = (
    "SELECT table_name, count(DISTINCT key) FROM etl_quarantine WHERE closed_at IS NULL GROUP BY table_name"
)

LIST_QUARANTINED = """
SELECT table_name, key, reason, run, opened_at::text FROM etl_quarantine
WHERE closed_at IS NULL AND table_name = ANY(:tables) ORDER BY table_name, run, key LIMIT :most
"""
