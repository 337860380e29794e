"""What the warehouse is asked about itself. Every statement is text; identifiers go through quoted()."""

# ruff: noqa: S608 - every identifier goes through quoted()

from collections.abc import Iterable

from shared.ledger.deletions import deleted_keys
from shared.ledger.tables import deletion_key
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


def rows_there(target: Target, targets: Iterable[Target]) -> str:
    """Count the rows that stand for what the source has now.

    A fact keeps every version and a dimension keeps what was deleted, so neither is counted whole. A calendar dimension
    deletes nothing: only the rows that a current fact refers to count.
    """
    if target.kind == "fact":
        return f"SELECT count(*) FROM {current(target)}"
    if target.kind == "dimension":
        key = deletion_key(target, quoted(target.key))
        return f"SELECT count(*) FROM {quoted(target.name)} WHERE {key} NOT IN ({deleted_keys(target)})"
    return f"SELECT count(*) FROM {quoted(target.name)} WHERE {quoted(target.key)} IN ({_named(target, targets)})"


def rows_named(target: Target, targets: Iterable[Target]) -> str:
    """Count the rows of a calendar dimension that the current facts refer to, whether or not they exist."""
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
