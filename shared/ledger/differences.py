"""Statements that name in etl_difference what a reconcile found and repaired. Pure text, with sql.py's parameters."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from shared.ledger.stage import has_earlier, record_column
from shared.ledger.tables import DIFFERING, GONE, MISSING, deletions
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

# So many of a kind are named: more is no case for reading one by one.
MOST_NAMED = 1000


def named_of_changed() -> str:
    return f""",
        named AS ({_NAME}
            SELECT :table, CAST(key AS text), :log, :run,
                   CASE WHEN is_new THEN {literal(MISSING)} ELSE {literal(DIFFERING)} END
            FROM changed ORDER BY key LIMIT {MOST_NAMED} {_NAMED_BEFORE})"""


def name_made(target: Target) -> str:
    """Name the keys of the records after :before."""
    key, record_id = quoted(target.key), record_column(target)
    return f"""{_NAME}
        SELECT :table, CAST(record.{key} AS text), :log, :run,
               CASE WHEN {has_earlier(target)} THEN {literal(DIFFERING)} ELSE {literal(MISSING)} END
        FROM {quoted(target.name)} record WHERE record.{record_id} > CAST(:before AS bigint)
        ORDER BY record.{key} LIMIT {MOST_NAMED} {_NAMED_BEFORE}"""


def name_deleted(target: Target) -> str:
    return f"""{_NAME}
        SELECT table_name, CAST(key AS text), log_id, run, {literal(GONE)} FROM {deletions(target)}
        WHERE table_name = :table AND log_id = :log AND run = :run ORDER BY key LIMIT {MOST_NAMED}
        {_NAMED_BEFORE}"""


_NAME = "INSERT INTO etl_difference (table_name, key, log_id, run, found)"
# By the same manifest, whose ledger row was deleted by hand.
_NAMED_BEFORE = "ON CONFLICT (table_name, log_id, run, key) DO NOTHING"
