"""Statements on etl_table: the row counts of each table at its last load, by which damage is found. Pure text."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from shared.ledger.ledger import LedgerSession
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

LOADED_COUNTS = (
    "SELECT table_name, rows, entries, others, changed, xmin::text IS DISTINCT FROM written_by FROM etl_table"
)

ENTRIES = "SELECT table_name, count(*) FROM etl_ledger GROUP BY table_name"
OTHERS = ("etl_deletion", "etl_text_deletion", "etl_waiting", "etl_quarantine")
ALL_OTHERS = "SELECT table_name, count(*) FROM ({}) other GROUP BY table_name".format(
    " UNION ALL ".join(f"SELECT table_name FROM {name}" for name in OTHERS)
)
OTHERS_NOW = " + ".join(f"(SELECT count(*) FROM {name} WHERE table_name = :table)" for name in OTHERS)

# As a row's xmin has it, without the epoch.
WRITTEN_BY = "mod(txid_current(), 4294967296)::text"
BEGIN_TABLE = f"""
INSERT INTO etl_table (table_name, rows, entries, others, written_by)
VALUES (:table, :rows, :entries, :others, {WRITTEN_BY}) ON CONFLICT DO NOTHING"""
# What is found is kept: the next load's row is younger than it.
NOTE_CHANGED = f"UPDATE etl_table SET changed = changed + :changed, written_by = {WRITTEN_BY} WHERE table_name = :table"


ADD_ROWS = f"UPDATE etl_table SET rows = rows + :added, others = {OTHERS_NOW} WHERE table_name = :table"
# The row that was just written in the same sub-transaction has the xmin that this one gets.
SIGN = "UPDATE etl_table SET written_by = xmin::text WHERE table_name = :table"


def _set_whole(target: Target) -> str:
    return f"""
        UPDATE etl_table SET rows = (SELECT count(*) FROM {quoted(target.name)}), others = {OTHERS_NOW},
               entries = (SELECT count(*) FROM etl_ledger WHERE table_name = :table), changed = 0
        WHERE table_name = :table"""


def record_counts(warehouse: LedgerSession, target: Target, added: int, *, whole: bool = False) -> None:
    """Record the row counts at the end of a transaction that has added `added` rows to the table.

    `whole`: the load has compared the table with everything that it should contain, so its present rows are right.
    """
    # A sub-transaction that begins now is younger than each one in which the load has written rows.
    warehouse.run("SAVEPOINT noted")
    if whole:
        warehouse.run(_set_whole(target), table=target.name)
    else:
        warehouse.run(ADD_ROWS, table=target.name, added=added)
    warehouse.run(SIGN, table=target.name)
    warehouse.run("RELEASE SAVEPOINT noted")


def count_of(table: str) -> str:
    """Return the query for the number of rows, and of those younger than the loader's last row about the table."""
    mine = f"SELECT age(xmin) FROM etl_table WHERE table_name = {literal(table)}"
    # The age of a row that is older than two billion transactions is negative.
    younger = f"age(its.xmin) >= 0 AND age(its.xmin) < ({mine})"
    return f"SELECT {literal(table)}, count(*), count(*) FILTER (WHERE {younger}) FROM {quoted(table)} its"
