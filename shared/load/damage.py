"""What was done by hand to a loaded table: what is there is counted, and compared with what was loaded.

`etl_table` has for each warehouse table its number of rows and of what the bookkeeping has about it. Each load changes
the numbers at the end of its own transaction, and a full batch, which is compared with the whole table, sets them anew.
Nobody else writes there. So another number is the trace of a hand (TRUNCATE, DELETE, a table made again), and so is a
row that is younger than the table's row in `etl_table` (INSERT, UPDATE, a copy put back).
"""
# ruff: noqa: S608 - every identifier passes quoted()

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from shared import log
from shared.errors import TotestreamError
from shared.load.warehouse import RESERVE_S, ConnectionLost, WarehouseSession
from shared.postgres.connection import literal, quoted
from shared.warehouse.registry import Target

# 16 MB are counted in some 15 ms, in every pass. Beyond it a table is counted when PostgreSQL's own numbers show that
# it was made anew, emptied, rewritten or deleted from, and each hour: statistics can be lost or turned off.
SMALL_PAGES = 2048
COUNTED_EACH = timedelta(hours=1)
# Who holds a table against readers is not waited for: the next pass counts it.
LOCK_S = 0.2
# A count that takes longer is left out. More than a hundred million rows are counted in it.
COUNTING_S = 20
LEDGER = "etl_ledger"

LOADED = "SELECT table_name, rows, entries, others, changed, xmin::text IS DISTINCT FROM written_by FROM etl_table"

# Of a partitioned table the partitions have the pages and the numbers. The pages are those of the last ANALYZE: the
# exact size could not be asked for while somebody holds the table.
PRESENT = """
SELECT class.relname::text, sum(part.relpages),
       string_agg(concat_ws(':', part.oid, part.relfilenode, pg_stat_get_tuples_deleted(part.oid),
                            pg_stat_get_tuples_updated(part.oid)), ' ' ORDER BY part.oid)
FROM pg_class class
CROSS JOIN LATERAL (SELECT class.oid UNION SELECT relid FROM pg_partition_tree(class.oid)) tree (oid)
JOIN pg_class part ON part.oid = tree.oid
WHERE class.relnamespace = current_schema()::regnamespace AND class.relkind IN ('r', 'p')
  AND class.relname = ANY(CAST(:tables AS text[])) AND has_table_privilege(class.oid, 'SELECT')
GROUP BY class.oid, class.relname
"""

ENTRIES = f"SELECT table_name, count(*) FROM {LEDGER} GROUP BY table_name"
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


NOTE_ADDED = f"UPDATE etl_table SET rows = rows + :added, others = {OTHERS_NOW} WHERE table_name = :table"
# The row that was just written in the same sub-transaction has the xmin that this one gets.
SIGN = "UPDATE etl_table SET written_by = xmin::text WHERE table_name = :table"


def _note_whole(target: Target) -> str:
    return f"""
        UPDATE etl_table SET rows = (SELECT count(*) FROM {quoted(target.name)}), others = {OTHERS_NOW},
               entries = (SELECT count(*) FROM {LEDGER} WHERE table_name = :table), changed = 0
        WHERE table_name = :table"""


def note_load(warehouse: WarehouseSession, target: Target, added: int, *, whole: bool = False) -> None:
    """Keep how many rows there are, at the end of a transaction that has `added` so many to the table.

    `whole`: the load has compared the table with all that it should hold, so what it has now is what it should have.
    """
    # A sub-transaction that begins now is younger than each one in which the load has written rows.
    warehouse.run("SAVEPOINT noted")
    if whole:
        warehouse.run(_note_whole(target), table=target.name)
    else:
        warehouse.run(NOTE_ADDED, table=target.name, added=added)
    warehouse.run(SIGN, table=target.name)
    warehouse.run("RELEASE SAVEPOINT noted")


class Numbers(msgspec.Struct, frozen=True):
    """A table's rows, its entries in the ledger, and its rows in the other etl_ tables. `rows` is None where the table
    is not there, or may not be read. `changed` rows were written by somebody else since."""

    rows: int | None
    entries: int
    others: int
    changed: int = 0


class Damage(msgspec.Struct, frozen=True):
    """What there is, and what was loaded."""

    there: Numbers
    loaded: Numbers


@dataclass(frozen=True)
class _Relation:
    """A table as PostgreSQL describes it: `hint` is another one when it was made anew, emptied, or deleted from."""

    pages: int
    hint: str


@dataclass(frozen=True)
class _Kept:
    """What was loaded, what PostgreSQL says of the tables that can be read, and what there is of entries, None where
    they need not be counted, and of other rows; by table. `copied` are the tables whose row in etl_table is a copy that
    was put back: its age says nothing."""

    loaded: Mapping[str, Numbers]
    copied: frozenset[str]
    relations: Mapping[str, _Relation]
    entries: Mapping[str, int] | None
    others: Mapping[str, int]


@dataclass(frozen=True)
class _Seen:
    """A table at its last count: PostgreSQL's own numbers of it, and the time."""

    hint: str
    at: datetime


@dataclass
class CountedTables:
    """What a warm function need not count again: large tables that were as they should be, and have not changed.

    `damages` are those found last: a table that somebody holds is taken to be as it was.
    """

    small_pages: int = SMALL_PAGES
    seen: dict[str, _Seen] = field(default_factory=dict)
    damages: dict[str, Damage] = field(default_factory=dict)

    def is_as_seen(self, table: str, relation: _Relation, now: datetime) -> bool:
        """Whether it has lost nothing since it was counted last."""
        seen = self.seen.get(table)
        is_fresh = seen is not None and seen.hint == relation.hint and now - seen.at < COUNTED_EACH
        return is_fresh and relation.pages > self.small_pages


def find_damages(
    warehouse: WarehouseSession,
    targets: Mapping[str, Target],
    counted: CountedTables,
    now: datetime,
    time_left_s: Callable[[], float],
) -> dict[str, Damage]:
    """The tables that are not as they were loaded. A table that was never counted begins with what it has.

    The loader's lock must be held: nobody loads meanwhile. Raises ConnectionLost only: whether a table is damaged is
    no condition of loading it.
    """
    count = _Count(warehouse, counted, now, lambda: min(time_left_s(), COUNTING_S + RESERVE_S))
    try:
        found = count.damages(targets)
    except ConnectionLost:
        raise
    except TotestreamError as error:
        log.failure("tables were not counted", error)
        return counted.damages
    for table in found.keys() - counted.damages.keys():
        log.error("table was changed by hand", table=table, **msgspec.to_builtins(found[table]))
    counted.damages = found
    return found


def _count_of(table: str) -> str:
    """Rows, and those that are younger than what the loader wrote about the table last."""
    mine = f"SELECT age(xmin) FROM etl_table WHERE table_name = {literal(table)}"
    # The age of a row that is older than two billion transactions is negative.
    younger = f"age(its.xmin) >= 0 AND age(its.xmin) < ({mine})"
    return f"SELECT {literal(table)}, count(*), count(*) FILTER (WHERE {younger}) FROM {quoted(table)} its"


class _Count:
    def __init__(
        self, warehouse: WarehouseSession, counted: CountedTables, now: datetime, time_left_s: Callable[[], float]
    ) -> None:
        self._warehouse, self._counted, self._now, self._time_left_s = warehouse, counted, now, time_left_s

    def damages(self, targets: Mapping[str, Target]) -> dict[str, Damage]:
        kept = self._kept(targets)
        counts = self._rows([table for table in targets if self._is_due(table, kept.relations)])
        rows = {table: number for table, (number, _) in counts.items()}
        changed = {table: number for table, (_, number) in counts.items() if table not in kept.copied}
        for table in kept.loaded.keys() & {*kept.copied, *(table for table, number in changed.items() if number)}:
            self._warehouse.run(NOTE_CHANGED, table=table, changed=changed.get(table, 0))
        found = {}
        for table in targets:
            if table not in kept.loaded:
                self._begin(table, rows.get(table), kept)
                continue
            loaded = msgspec.structs.replace(kept.loaded[table], changed=0)
            there = self._there(table, rows, changed, kept)
            if there != loaded:
                found[table] = Damage(there, loaded)
        self._remember(rows, kept, found)
        return found

    def _kept(self, targets: Mapping[str, Target]) -> _Kept:
        with self._warehouse.transaction(self._time_left_s, LOCK_S):
            relations = {
                table: _Relation(int(pages), str(hint))
                for table, pages, hint in self._warehouse.run(PRESENT, tables=[*targets, LEDGER])
            }
            loaded = self._warehouse.run(LOADED)
            return _Kept(
                loaded={table: Numbers(*numbers) for table, *numbers, _ in loaded},
                copied=frozenset(table for table, *_, is_copy in loaded if is_copy),
                relations=relations,
                entries=self._grouped(ENTRIES) if self._is_due(LEDGER, relations) else None,
                others=self._grouped(ALL_OTHERS),
            )

    def _there(self, table: str, rows: Mapping[str, int], changed: Mapping[str, int], kept: _Kept) -> Numbers:
        """What was not counted is as it was found last."""
        damage = self._counted.damages.get(table)
        last = damage.there if damage else kept.loaded[table]
        return Numbers(
            rows=rows.get(table, last.rows) if table in kept.relations else None,
            entries=last.entries if kept.entries is None else kept.entries.get(table, 0),
            others=kept.others.get(table, 0),
            changed=kept.loaded[table].changed + changed.get(table, 0),
        )

    def _is_due(self, table: str, relations: Mapping[str, _Relation]) -> bool:
        return table in relations and not self._counted.is_as_seen(table, relations[table], self._now)

    def _rows(self, tables: Sequence[str]) -> dict[str, tuple[int, int]]:
        """By one statement, or, where one of them cannot be counted now, each by its own."""
        if not tables:
            return {}
        try:
            return self._counts(tables)
        except ConnectionLost:
            raise
        except TotestreamError as error:
            if len(tables) == 1:
                log.warning("table was not counted", table=tables[0], reason=str(error))
                return {}
        return {table: rows for each in tables for table, rows in self._rows([each]).items()}

    def _counts(self, tables: Sequence[str]) -> dict[str, tuple[int, int]]:
        with self._warehouse.transaction(self._time_left_s, LOCK_S):
            counted = self._warehouse.run(" UNION ALL ".join(map(_count_of, tables)))
        return {table: (rows, changed) for table, rows, changed in counted}

    def _grouped(self, statement: str) -> dict[str, int]:
        return dict(map(tuple, self._warehouse.run(statement)))

    def _begin(self, table: str, rows: int | None, kept: _Kept) -> None:
        """What was there before is taken as it is."""
        if rows is not None and kept.entries is not None:
            numbers = {"rows": rows, "entries": kept.entries.get(table, 0), "others": kept.others.get(table, 0)}
            self._warehouse.run(BEGIN_TABLE, table=table, **numbers)

    def _remember(self, rows: Mapping[str, int], kept: _Kept, found: Mapping[str, Damage]) -> None:
        """What is damaged is counted in each pass, until it is whole."""
        seen = self._counted.seen
        for table in (*rows, *([LEDGER] if kept.entries is not None else [])):
            seen[table] = _Seen(kept.relations[table].hint, self._now)
        for table in (*found, *([LEDGER] if found else [])):
            seen.pop(table, None)
