"""The etl_* tables, which are in the warehouse's schema: what was loaded, deleted, quarantined, and what waits.

They are written in the same transaction as the rows that they speak of. `key` is a fact's business id or a
dimension's key. Times without zone are UTC.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.columns import INTEGER
from shared.warehouse.registry import Target

metadata = MetaData()

LOADED, SUPERSEDED, RELEASED = "loaded", "superseded", "released"


def _required(name: str, type_: Any, comment: str | None = None, default: str | None = None) -> Column[Any]:
    return Column(name, type_, nullable=False, comment=comment, server_default=text(default) if default else None)


def _optional(name: str, type_: Any, comment: str | None = None) -> Column[Any]:
    return Column(name, type_, nullable=True, comment=comment)


def _count(name: str, comment: str | None = None) -> Column[Any]:
    return _required(name, Integer, comment, default="0")


# A run is (log, run). The log that was begun last is the living one: manifests of any other are refused. That is
# more than the ledger can say, and so is where the next pass goes on without reading all of a long ledger.
LOG = Table(
    "etl_log",
    metadata,
    Column("log_id", Text, primary_key=True),
    _required("began_at", DateTime(timezone=True)),
    Column("began_no", Integer, nullable=False, unique=True, comment="1, 2, 3 ...: the highest is the living log"),
    _count("complete_run", "Every run up to this one is wholly loaded"),
    _optional("complete_attempt", Text, "The attempt of that run's record; null until a run is wholly loaded"),
    _optional("attempted_run", Integer, "The run that complete_attempt is of: a hand can set complete_run back"),
    Column("last_runs", JSONB, comment="Per table the run that it took last, also when its row of the ledger is gone"),
    comment="The run logs that were loaded from",
)

LEDGER = Table(
    "etl_ledger",
    metadata,
    _required("log_id", Text),
    _required("table_name", Text),
    _required("run", Integer),
    _count("load_no", "0 for the manifest; 1, 2 ... for rows of it that waited and were released later"),
    _required("status", Text, "loaded, superseded or released"),
    _optional("manifest_sha256", Text),
    _optional("attempt", Text, "That of the run record it stands for"),
    _optional("mode", Text, "delta or full"),
    _optional("cause", Text, "What the run was made for: schedule, count, resync or reconcile"),
    _optional("snapshot_at", DateTime, "When the source was read"),
    _required("loaded_at", DateTime(timezone=True)),
    _count("rows", "In the manifest, or released"),
    _count("inserted", "Of keys that were not there; a reconcile counts those that should have been"),
    _count("updated", "Of keys that differed, from what was there before; a fact has one more record each"),
    _count("deleted"),
    _count("unchanged"),
    _count("waiting", "Rows that wait for their dimensions"),
    _count("quarantined"),
    _optional("first_record_id", BigInteger, "The facts this load made, to last_record_id"),
    _optional("last_record_id", BigInteger),
    PrimaryKeyConstraint("log_id", "table_name", "run", "load_no"),
    # The history views find a record's load by it.
    Index("etl_ledger_records", "table_name", "first_record_id"),
    # The last reconcile is looked for each minute.
    Index("etl_ledger_cause", "cause", "run"),
    comment="What was loaded, once each",
)


def _deletions(name: str, key: Any, comment: str) -> Table:
    return Table(
        name,
        metadata,
        _required("table_name", Text),
        _required("key", key),
        _required("log_id", Text),
        _required("run", Integer),
        _required("deleted_at", DateTime, "The snapshot in which the key was missing first"),
        _optional("last_record_id", BigInteger, "A fact's last record before it was deleted"),
        _optional("ended_run", Integer),
        _optional("ended_at", DateTime, "The snapshot in which the key was back; null while it is gone"),
        PrimaryKeyConstraint("table_name", "key", "log_id", "run"),
        comment=comment,
    )


DELETION = _deletions("etl_deletion", BigInteger, "Keys that the source no longer has, or had not for a while")
# A number compares faster than its text, and a warehouse that stands keeps its table as it is.
TEXT_DELETION = _deletions("etl_text_deletion", Text, "The same of dimensions whose key is no number")

WAITING = Table(
    "etl_waiting",
    metadata,
    _required("table_name", Text),
    _required("key", BigInteger),
    _required("log_id", Text),
    _required("run", Integer),
    _required("snapshot_at", DateTime),
    # JSON's own null could be mistaken for SQL's.
    Column("row", JSONB(none_as_null=True), comment="Null: the key was deleted, which waits for its versions"),
    _required("reason", Text),
    _optional("dimension", Text, "The first that lacks what the row names; null where it stands behind another"),
    PrimaryKeyConstraint("table_name", "key", "log_id", "run"),
    comment="Fact rows whose dimensions are not there yet, and the later versions behind them",
)

QUARANTINE = Table(
    "etl_quarantine",
    metadata,
    _required("table_name", Text),
    _required("key", Text),
    _required("log_id", Text),
    _required("run", Integer),
    _required("reason", Text),
    _required("opened_at", DateTime),
    _optional("closed_run", Integer),
    _optional("closed_at", DateTime, "Null while no later run has brought the key"),
    PrimaryKeyConstraint("table_name", "key", "log_id", "run"),
    comment="Rows that a transform refused, with the reason; the rows themselves are in the processed bucket",
)

MISSING, DIFFERING, GONE = "missing", "differing", "gone"
DIFFERENCE = Table(
    "etl_difference",
    metadata,
    _required("table_name", Text),
    _required("key", Text),
    _required("log_id", Text),
    _required("run", Integer),
    _required("found", Text, "missing or differing in the warehouse, or gone from the source"),
    PrimaryKeyConstraint("table_name", "log_id", "run", "key"),
    comment="What a reconcile found and repaired, by name; the ledger has the counts",
)

FRESHNESS = Table(
    "etl_freshness",
    metadata,
    _required("table_name", Text),
    _required("log_id", Text),
    _required("run", Integer),
    _count("load_no"),
    _required("snapshot_at", DateTime),
    _required("loaded_at", DateTime(timezone=True)),
    _optional("newest_change_at", DateTime, "The newest last_updated among what became visible"),
    _optional("changed_after", DateTime, "What became visible was committed after this, and up to snapshot_at"),
    _optional("left_out", Text, "Why it may have been committed long before: first read, resync, reconcile ..."),
    PrimaryKeyConstraint("table_name", "log_id", "run", "load_no"),
    Index("etl_freshness_loaded", "loaded_at"),
    comment="From the source's snapshot to the warehouse, load by load",
)

# What a load has left behind, by which it is found that a hand has taken something away.
TABLE = Table(
    "etl_table",
    metadata,
    Column("table_name", Text, primary_key=True),
    _required("rows", BigInteger, "Of the table"),
    _required("entries", BigInteger, "Of the table in etl_ledger"),
    _required("others", BigInteger, "Of the table in etl_deletion, etl_text_deletion, etl_waiting and etl_quarantine"),
    _required(
        "changed", BigInteger, "Rows that somebody else has written since the whole table was loaded", default="0"
    ),
    _optional(
        "written_by", Text, "The transaction of the loader that wrote this row: its xmin, but for a copy put back"
    ),
    comment="How many rows there are of each table and about it: what differs was changed by hand",
)

TABLES = (LOG, LEDGER, TABLE, DELETION, TEXT_DELETION, WAITING, QUARANTINE, DIFFERENCE, FRESHNESS)


def deletions(target: Target) -> str:
    """Return the name of the table that keeps the target's deleted keys."""
    return DELETION.name if _has_number(target) else TEXT_DELETION.name


def deletion_key(target: Target, value: str) -> str:
    """Return SQL for `value`, a key of the target, with the type that this table has."""
    return value if _has_number(target) else f"CAST({value} AS text)"


def _has_number(target: Target) -> bool:
    return any(column.name == target.key and column.kind == INTEGER for column in target.columns)
