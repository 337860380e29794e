"""The temporary tables from which one transaction fills a warehouse table and the ledger. Pure text."""
# ruff: noqa: S608 - names come from the declarations, never from data, and each passes quoted()

from collections.abc import Sequence

from shared.columns import TEXT, Column
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

# The rows to load, with the target's columns.
STAGE = "pg_temp.etl_stage"
# The rows that the transform or the table rejected, which go to etl_quarantine.
REJECTED = "pg_temp.etl_rejected"
REJECTED_COLUMNS = (Column("key", TEXT, nullable=True), Column("reason", TEXT, nullable=True))


def listed(columns: Sequence[Column], alias: str = "") -> str:
    return ", ".join(alias + quoted(column.name) for column in columns)


def record_column(target: Target) -> str:
    return quoted(target.record_id or target.key)


def has_earlier(target: Target) -> str:
    """Return the condition that the key of the fact's `record` has an earlier record."""
    key, record_id = quoted(target.key), record_column(target)
    return f"""EXISTS (
            SELECT FROM {quoted(target.name)} earlier
            WHERE earlier.{key} = record.{key} AND earlier.{record_id} < record.{record_id})"""
