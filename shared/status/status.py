"""One screen: per warehouse table its last run, rows, freshness and what is behind, waiting or quarantined."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.alerts.documents import Incident
from shared.errors import TotestreamError
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.load.health import LAST_LOADED, QUARANTINED, WAITING
from shared.postgres.connection import Connection
from shared.source.health import Health as ExtractHealth
from shared.status import sql
from shared.status.pending import Pending, look_at_pending
from shared.warehouse.registry import Target
from shared.watch.freshness import fresh_as_of
from shared.watch.measures import Depths
from shared.watch.watch import Health as WatchHealth
from shared.watch.watch import last_look, last_words

# Watch looks each minute; a look may be late by one.
WATCH_SILENT_S = 150


@dataclass(frozen=True)
class TableStatus:
    """`expected` rows as counted in the source at the last run, None when it was not; `there` in the warehouse.

    `freshness_s` is how far the table may lag behind the source, in seconds. `held` says why sources of it are not
    read, or were not in the last look. `messages` and `dead_letters` are those of its queues. `last_run`, `there`,
    `behind`, `waiting` and `quarantined` are None when the warehouse does not answer. `behind` runs it has still to
    take, at the least.
    """

    table: str
    last_run: int | None
    expected: int | None
    there: int | None
    behind: int | None
    messages: int
    dead_letters: int
    waiting: int | None
    quarantined: int | None
    freshness_s: float | None
    held: str | None


@dataclass(frozen=True)
class Status:
    """`no_answer` says why the warehouse could not be asked, and then `loaded_run` is None. `comparable` says that it
    stands at exactly the run whose rows were counted; `paused_since`, UTC, that a person has stopped the flow. So many
    as `unread_runs` may each have something that a table has still to take.
    `incidents` are those that watch has seen in its last look, `watched_s` seconds ago. `not_well` says in a line each
    what is not as it should be; nothing when all is well.
    """

    newest_run: int
    loaded_run: int | None
    no_answer: str | None
    comparable: bool
    unread_runs: int
    paused_since: str | None
    watched_s: float | None
    incidents: tuple[Incident, ...]
    tables: tuple[TableStatus, ...]

    @property
    def not_well(self) -> list[str]:
        """Dead letters and held tables are incidents too, a minute later."""
        told = [each.name for each in self.incidents]
        return [
            *([f"paused since {self.paused_since} UTC"] if self.paused_since else []),
            *([self._silence] if self._silence else []),
            *([f"warehouse: {self.no_answer}"] if self.no_answer else []),
            *told,
            *(line for table in self.tables for line in self._wrong(table) if line not in told),
        ]

    @property
    def _silence(self) -> str:
        if self.watched_s is None:
            return "watch has never looked"
        return f"watch last looked {self.watched_s:.0f} s ago" if self.watched_s > WATCH_SILENT_S else ""

    def _wrong(self, table: TableStatus) -> Iterator[str]:
        if table.dead_letters:
            yield f"dead letters {table.table}"
        if self.comparable and table.expected is not None and table.expected != table.there:
            yield f"{table.table}: {table.there} rows of {table.expected}"
        if table.held:
            yield f"{table.table}: {table.held}"

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = msgspec.to_builtins(self)
        return facts | {"not_well": self.not_well}


class Warehouse:
    """What the warehouse says of itself, at one moment."""

    def __init__(self, connection: Connection, log_id: str, targets: Mapping[str, Target]) -> None:
        connection.run(sql.BEGIN)
        everything = list(targets.values())
        self.complete_run: int = connection.one(sql.COMPLETE_RUN, log=log_id)[0]
        self.last = {table: (run, at) for table, run, at in connection.run(LAST_LOADED, log=log_id, tables=[*targets])}
        self.taken = {(run, table) for run, table in connection.run(sql.TAKEN, log=log_id, run=self.complete_run)}
        self.waiting: dict[str, int] = {table: rows for table, rows, _ in connection.run(WAITING)}
        self.quarantined: dict[str, int] = dict(map(tuple, connection.run(QUARANTINED)))
        self.there = {t.name: connection.one(sql.rows_there(t, everything))[0] for t in everything}
        connection.run("COMMIT")

    def stands_at(self, run: int) -> bool:
        """Whether that run is wholly loaded, and nothing of a later one."""
        return self.complete_run == run and all(taken <= run for taken, _ in self.taken)

    def behind(self, table: str, records: Iterable[RunRecord]) -> int:
        """How many of these runs it has still to take."""
        return sum(table in record.targets and (record.run, table) not in self.taken for record in records)


@dataclass(frozen=True)
class Lake:
    """What the buckets say: extract's last words before the newest record, which came of them or of later ones."""

    extract: ExtractHealth | None
    newest: RunRecord | None
    watched: WatchHealth | None
    paused_since: str | None


def look_at_lake(run_log: RunLog) -> Lake:
    extract = last_words(run_log, keys.EXTRACT_HEALTH, ExtractHealth)
    return Lake(
        extract=extract,
        newest=run_log.newest(),
        watched=last_look(run_log),
        paused_since=paused_since(run_log.bucket),
    )


def look_at_warehouse(
    connect: Callable[[], Connection], log_id: str, targets: Mapping[str, Target]
) -> tuple[Warehouse | None, str | None]:
    """What it says, or why it says nothing: whoever looks then needs the rest most of all."""
    try:
        with connect() as connection:
            return Warehouse(connection, log_id, targets), None
    except TotestreamError as error:
        return None, str(error).removeprefix("warehouse: ")


def status(
    run_log: RunLog,
    connect: Callable[[], Connection],
    targets: Mapping[str, Target],
    depths: Callable[[], Mapping[str, Depths]],
    now: Callable[[], datetime],
) -> Status:
    """`now` gives UTC without a zone, like every snapshot's time; it is asked after everything was looked at."""
    lake = look_at_lake(run_log)
    newest_run = lake.newest.run if lake.newest else 0
    warehouse, no_answer = look_at_warehouse(connect, lake.newest.log if lake.newest else "", targets)
    pending = look_at_pending(run_log, warehouse.complete_run, newest_run) if warehouse else Pending()
    queues, then = depths(), now()
    tables = (_table(target, lake, warehouse, pending, queues, then) for target in targets.values())
    watched = lake.watched
    return Status(
        newest_run=newest_run,
        loaded_run=warehouse.complete_run if warehouse else None,
        no_answer=no_answer,
        comparable=warehouse is not None and warehouse.stands_at(newest_run),
        unread_runs=pending.unread,
        paused_since=lake.paused_since,
        watched_s=_seconds(watched.at.replace(tzinfo=None), then) if watched else None,
        incidents=tuple(each.incident for each in watched.incidents) if watched else (),
        tables=tuple(tables),
    )


def _seconds(since: datetime, then: datetime) -> float:
    return round((then - since).total_seconds(), 1)


def _table(
    target: Target,
    lake: Lake,
    warehouse: Warehouse | None,
    pending: Pending,
    queues: Mapping[str, Depths],
    then: datetime,
) -> TableStatus:
    held, name = _held(target, lake), target.name
    run, snapshot_at = warehouse.last.get(name, (None, None)) if warehouse else (None, None)
    behind = warehouse.behind(name, pending.records) if warehouse else None
    remembered = lake.watched.fresh_as_of.get(name) if lake.watched else None
    is_behind = bool(behind) or pending.unread > 0
    looked_at = lake.extract.snapshot_at if lake.extract else None
    shows = fresh_as_of(snapshot_at, looked_at, remembered, is_behind=is_behind, is_held=held is not None)
    depth = queues.get(name, Depths())
    return TableStatus(
        table=name,
        last_run=run,
        expected=_expected(target, lake.newest),
        there=warehouse.there[name] if warehouse else None,
        behind=behind,
        messages=depth.messages,
        dead_letters=depth.dead_letters,
        waiting=warehouse.waiting.get(name, 0) if warehouse else None,
        quarantined=warehouse.quarantined.get(name, 0) if warehouse else None,
        freshness_s=_seconds(shows, then) if shows else None,
        held=held,
    )


def _held(target: Target, lake: Lake) -> str | None:
    """Why extract does not read a source of it, or could not in its last look."""
    postponed = lake.extract.postponed if lake.extract else {}
    holds = [lake.newest.state(source).hold for source in target.sources] if lake.newest else []
    reasons = [hold.reason for hold in holds if hold]
    reasons += [postponed[source].reason for source in target.sources if source in postponed]
    return "; ".join(dict.fromkeys(reasons)) or None


def _expected(target: Target, newest: RunRecord | None) -> int | None:
    """Counted for the asking; else the rows that the delete detector counted, at the same snapshot."""
    if newest is None:
        return None
    if newest.expected and target.name in newest.expected:
        return newest.expected[target.name]
    cursor = newest.state(target.sources[0]).cursor
    return cursor.count if cursor and target.row_by_row else None
