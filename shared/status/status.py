"""One screen: per warehouse table its last run, rows, freshness and what is behind, waiting or quarantined."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from shared.alerts.documents import Incident
from shared.alerts.reach import Reach
from shared.errors import PermanentError
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.lake.manifests import Manifests
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.load.health import LoadHealth
from shared.postgres.connection import Connection
from shared.source.health import ExtractHealth
from shared.status.pending import Pending, look_at_pending
from shared.status.problems import Problem, problems
from shared.status.queries import StatusQueries, look_at_warehouse
from shared.status.strangers import strangers
from shared.warehouse.registry import Target
from shared.watch.freshness import fresh_as_of
from shared.watch.observation import Depths
from shared.watch.watch import WatchHealth, last_check


@dataclass(frozen=True)
class TableStatus:
    """A table. `expected` rows as the source had them at the run that the table shows, None when never counted; `there`
    in the warehouse. Where they differ, and no row waits or is quarantined for it, `resync` are the source tables to
    read in full.

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
    resync: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageStatus:
    """A function that runs on a schedule: seconds since its last run that ended, None when it never ran, and for load
    the rows that it changed in the last hour, None when the warehouse does not answer."""

    stage: str
    last_s: float | None
    rows_in_the_last_hour: int | None = None


@dataclass(frozen=True)
class Status:
    """`no_answer` says why the warehouse could not be asked, and then `loaded_run` is None. `comparable` says that it
    stands at exactly the run whose rows were counted; `paused_since`, UTC, that a person has stopped the flow. So many
    as `unread_runs` may each have something that a table has still to take.
    `strangers` are objects in the buckets that are none of ours; the stages pass them over.
    `incidents` are those that watch has seen in its last look, `watched_s` seconds ago.
    `alerts` is where an alert would go, None when that was not asked.
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
    strangers: tuple[str, ...] = ()
    alerts: Reach | None = None
    stages: tuple[StageStatus, ...] = ()

    @property
    def problems(self) -> list[Problem]:
        """Return what is not as it should be; nothing when the stack is healthy."""
        return list(problems(self))

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = msgspec.to_builtins(self)
        return facts | {"problems": [each.json for each in self.problems]}


@dataclass(frozen=True)
class StatusDocuments:
    """What the buckets say: extract's last words before the newest record, which came of them or of later ones."""

    extract: ExtractHealth | None
    load: LoadHealth | None
    newest: RunRecord | None
    watched: WatchHealth | None
    paused_since: str | None


def look_at_lake(run_log: RunLog) -> StatusDocuments:
    extract = last_words(run_log.bucket, keys.EXTRACT_HEALTH, ExtractHealth)
    return StatusDocuments(
        extract=extract,
        load=last_words(run_log.bucket, keys.LOAD_HEALTH, LoadHealth),
        newest=run_log.newest(),
        watched=last_check(run_log),
        paused_since=paused_since(run_log.bucket),
    )


def status(
    run_log: RunLog,
    connect: Callable[[], Connection],
    targets: Mapping[str, Target],
    depths: Callable[[], Mapping[str, Depths]],
    now: Callable[[], datetime],
    manifests: Manifests | None = None,
    alerts: Callable[[], Reach | None] = lambda: None,
) -> Status:
    """Return the status. `now` gives UTC without a zone, like every snapshot's time, and is called after everything
    was read."""
    lake = look_at_lake(run_log)
    newest_run = lake.newest.run if lake.newest else 0
    warehouse, no_answer = look_at_warehouse(connect, lake.newest.log if lake.newest else "", targets)
    pending = look_at_pending(run_log, warehouse.complete_run, lake.newest) if warehouse and lake.newest else Pending()
    records = Records(run_log, lake.newest)
    queues, then = depths(), now()
    tables = (_table(target, lake, warehouse, pending, queues, then, records) for target in targets.values())
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
        strangers=tuple(strangers(run_log, manifests, lake.newest) if manifests else ()),
        alerts=alerts(),
        stages=tuple(_stages(lake, warehouse, then)),
    )


def _stages(lake: StatusDocuments, warehouse: StatusQueries | None, then: datetime) -> Iterator[StageStatus]:
    rows = warehouse.rows_in_the_last_hour if warehouse else None
    for stage, health in (("extract", lake.extract), ("load", lake.load), ("watch", lake.watched)):
        last_s = _seconds(health.at.replace(tzinfo=None), then) if health else None
        yield StageStatus(stage, last_s, rows if stage == "load" else None)


def _seconds(since: datetime, then: datetime) -> float:
    return round((then - since).total_seconds(), 1)


def _table(
    target: Target,
    lake: StatusDocuments,
    warehouse: StatusQueries | None,
    pending: Pending,
    queues: Mapping[str, Depths],
    then: datetime,
    records: "Records",
) -> TableStatus:
    held, name = _held(target, lake), target.name
    run, snapshot_at = warehouse.last.get(name, (None, None)) if warehouse else (None, None)
    behind = warehouse.behind(name, pending.records) if warehouse else None
    remembered = lake.watched.fresh_as_of.get(name) if lake.watched else None
    is_behind = bool(behind) or pending.unread > 0
    looked_at = lake.extract.snapshot_at if lake.extract else None
    shows = fresh_as_of(snapshot_at, looked_at, remembered, is_behind=is_behind, is_held=held is not None)
    depth = queues.get(name, Depths())
    shown = _expected(target, records, run, warehouse, is_behind=is_behind)
    found = TableStatus(
        table=name,
        last_run=run,
        expected=shown,
        there=warehouse.there[name] if warehouse else None,
        behind=behind,
        messages=depth.messages,
        dead_letters=depth.dead_letters,
        waiting=warehouse.waiting.get(name, 0) if warehouse else None,
        quarantined=warehouse.quarantined.get(name, 0) if warehouse else None,
        freshness_s=_seconds(shows, then) if shows else None,
        held=held,
    )
    return replace(found, resync=target.whole_from) if _differs(found) else found


def _held(target: Target, lake: StatusDocuments) -> str | None:
    """Return why extract does not read a source of the table, or could not in its last check."""
    postponed = lake.extract.postponed if lake.extract else {}
    holds = [lake.newest.state(source).hold for source in target.sources] if lake.newest else []
    reasons = [hold.reason for hold in holds if hold]
    reasons += [postponed[source].reason for source in target.sources if source in postponed]
    return "; ".join(dict.fromkeys(reasons)) or None


class Records:
    """Run records, each read once; none that is lost or cannot be read."""

    def __init__(self, run_log: RunLog, newest: RunRecord | None) -> None:
        self._run_log, self.newest = run_log, newest
        self._known = {newest.run: newest} if newest else {}

    def of(self, run: int) -> RunRecord | None:
        if run not in self._known:
            try:
                self._known[run] = self._run_log.get(run)
            except PermanentError:
                return None
        return self._known[run]


def _expected(
    target: Target, records: Records, last_run: int | None, warehouse: StatusQueries | None, *, is_behind: bool
) -> int | None:
    """Return the rows as counted at the run that the table shows: the newest run if the table lacks nothing, else
    the one loaded last."""
    newest = records.newest
    shows_newest = newest is not None and not is_behind and (last_run or 0) <= newest.run
    places = [newest] if shows_newest or last_run is None else []
    places += [records.of(last_run)] if last_run is not None else []
    numbers = (_counted_in(target, record, is_newest=record is newest) for record in places if record)
    counted = next((number for number in numbers if number is not None), None)
    return warehouse.counted.get(target.name) if counted is None and warehouse else counted


def _counted_in(target: Target, record: RunRecord, *, is_newest: bool) -> int | None:
    """Return the rows counted on request; else those that the delete detector counted, at the same snapshot."""
    if record.expected and target.name in record.expected and (is_newest or target.kind != "calendar"):
        return record.expected[target.name]
    cursor = record.state(target.sources[0]).cursor
    return cursor.count if cursor and target.row_by_row else None


def _differs(table: TableStatus) -> bool:
    """Return whether rows are missing, or too many, that neither wait nor are quarantined. A table that was never
    loaded is behind, or will be."""
    if table.there is None or table.expected is None or table.last_run is None:
        return False
    return abs(table.expected - table.there) > (table.waiting or 0) + (table.quarantined or 0)
