"""What the warehouse is asked about itself. Every statement is text; identifiers go through quoted()."""

# ruff: noqa: S608 - every identifier goes through quoted(), every text through literal()

from collections.abc import Iterable

from shared.load.bookkeeping import deletion_key, deletions
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
COMPLETE_RUN = "SELECT coalesce(max(complete_run), 0) FROM etl_log WHERE log_id = :log"
# A grouped dimension's manifest is all of it.
LAST_ROWS = """
SELECT rows FROM etl_ledger
WHERE log_id = :log AND table_name = :table AND status = 'loaded' ORDER BY run DESC LIMIT 1
"""
TAKEN = "SELECT run, table_name FROM etl_ledger WHERE log_id = :log AND run > :run"


def rows_there(target: Target, targets: Iterable[Target]) -> str:
    """How many rows stand for what the source has now.

    A fact keeps every version and a dimension what was deleted, so neither is counted as it lies. Of a set, those
    that a current fact refers to: it never forgets.
    """
    if target.kind == "fact":
        return f"SELECT count(*) FROM {current(target)}"
    if target.kind == "dimension":
        gone = f"SELECT key FROM {deletions(target)} WHERE table_name = {literal(target.name)} AND ended_at IS NULL"
        key = deletion_key(target, quoted(target.key))
        return f"SELECT count(*) FROM {quoted(target.name)} WHERE {key} NOT IN ({gone})"
    return f"SELECT count(*) FROM {quoted(target.name)} WHERE {quoted(target.key)} IN ({_named(target, targets)})"


def rows_named(target: Target, targets: Iterable[Target]) -> str:
    """How many rows of a set the current facts refer to, whether or not they are there."""
    return f"SELECT count(key) FROM ({_named(target, targets)}) AS named (key)"


def _named(target: Target, targets: Iterable[Target]) -> str:
    return " UNION ".join(
        f"SELECT {quoted(column)} FROM {current(fact)}"
        for fact in targets
        if fact.kind == "fact"
        for column, (dimension, _) in fact.references.items()
        if dimension == target.name
    )


def current(fact: Target) -> str:
    return quoted(f"current_{fact.name}")
