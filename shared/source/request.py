"""What an extraction is asked to do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.catalogue import TABLES
from shared.errors import Refused
from shared.lake.documents import BEFORE_RECONCILE, COUNT, NEW_LOG, RECONCILE, RESYNC, SCHEDULE
from shared.lake.keys import LAST_RUN

# Past so many a whole reading is the cheaper one, and an event of Lambda's is not the place for them.
MOST_KEYS = 10_000


@dataclass(frozen=True)
class ExtractRequest:
    """`full` gives tables to read whole and why; `keys` rows to read of a moving table though they did not change;
    `count` asks for the expected rows of every warehouse table. Of the tables in `left` only changed rows are read:
    what was deleted, and any other reason to read them whole, is left to the next record of the same snapshot.
    `new_log_after` begins a new log, every table whole, with a number above it and above all that the bucket shows.
    """

    cause: str = SCHEDULE
    full: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    count: bool = False
    left: Collection[str] = ()
    new_log_after: int | None = None

    @property
    def forced(self) -> bool:
        """Whether it makes a run even when nothing changed."""
        return self.count or bool(self.full) or bool(self.keys) or self.begins_a_log

    @property
    def begins_a_log(self) -> bool:
        return self.new_log_after is not None

    @property
    def parts(self) -> tuple["ExtractRequest", ...]:
        """One record each, of one snapshot. What has changed in the ordinary way comes before what is compared, so that
        all that differs in the comparison is damage, or was deleted. A reference table changes as a whole, which would
        mend the damage before it was named: the loader tells the two apart (Loading._find_damage).
        """
        if self.cause != RECONCILE:
            return (self,)
        whole = {table.name for table in TABLES.values() if table.reference}
        return (ExtractRequest(cause=BEFORE_RECONCILE, left=whole | self.full.keys()), self)


def request_from_event(event: Mapping[str, Any]) -> ExtractRequest:
    """Raises Refused. A scheduled event has no `do`."""
    match event.get("do"):
        case None:
            return ExtractRequest()
        case "count":
            return ExtractRequest(cause=COUNT, count=True)
        case "resync":
            return _resync(event)
        case "reconcile":
            return ExtractRequest(
                cause=RECONCILE, full=dict.fromkeys(_tables(event) if "tables" in event else TABLES, RECONCILE)
            )
        case "new_log":
            return ExtractRequest(cause=NEW_LOG, new_log_after=_used(event.get("after", 0)))
        case unknown:
            raise Refused(f"extract can do count, resync, reconcile and new_log, not {unknown!r}")


def _resync(event: Mapping[str, Any]) -> ExtractRequest:
    tables = _tables(event)
    if event.get("keys") is None:
        return ExtractRequest(cause=RESYNC, full=dict.fromkeys(tables, RESYNC))
    [table, *others], keys = tables, event["keys"]
    if others or not isinstance(keys, list) or not all(type(key) is int for key in keys) or not keys:
        raise Refused("resync takes the keys, whole numbers, of one table")
    if TABLES[table].reference or len(keys) > MOST_KEYS:
        # A reference table's batch is always the whole of it.
        return ExtractRequest(cause=RESYNC, full={table: RESYNC})
    return ExtractRequest(cause=RESYNC, keys={table: tuple(sorted(set(keys)))})


def _used(number: Any) -> int:
    if type(number) is not int or not 0 <= number < LAST_RUN:
        raise Refused(f"new_log takes the last run that was used, a whole number, not {number!r}")
    return number


def _tables(event: Mapping[str, Any]) -> list[str]:
    tables = event.get("tables")
    unknown = [table for table in tables if table not in list(TABLES)] if isinstance(tables, list) else [tables]
    if unknown or not tables:
        raise Refused(f"{event['do']} takes source tables, not {unknown}; there are: {', '.join(TABLES)}")
    return list(tables)
