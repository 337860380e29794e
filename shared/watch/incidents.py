"""What a person should look at, from what watch has seen. Pure.

Of a table that is late the nearest cause is told. While extract or load is silent nothing is told of the tables, which
all grow old with it. Before that silence has lasted long enough to be told, a table's age counts only up to the last
moment at which both worked. A table that is held is told as held, and as stale when that has lasted for longer than the
objective.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.alerts.documents import Incident
from shared.errors import LogWentBack, TwoLogs
from shared.load.damage import Damage
from shared.load.health import Missing
from shared.warehouse.registry import Target
from shared.watch.measures import Seen

# What the business was promised: half an hour. The objective, a setting, is stricter, so that there is time to act.
CONTRACT_S = 1800
# A lock that is held for some seconds postpones a table once, and the next look reads it: nobody is called for that.
LOOKS_POSTPONED = 2


@dataclass(frozen=True)
class IncidentKind:
    """`command` is what to run. Filled in are {subject}, {source}, the first source of a warehouse table, of rows that
    wait that of their dimension, and {whole}, the sources that bring all of the table."""

    name: str
    title: str
    command: str

    @property
    def runbook(self) -> str:
        """The anchor of its heading in docs/runbook.md."""
        return self.name.replace(" ", "-")


DEAD_LETTERS = IncidentKind("dead letters", "messages that failed for good", "retry.sh {subject}")
OLDEST_MESSAGE = IncidentKind("oldest message", "a message is not worked off", "logs.sh {subject}")
TABLE_BEHIND = IncidentKind("table behind", "a run is not loaded", "status.sh {subject}")
TABLE_HELD = IncidentKind("table held", "a source table is not read", "catalogue.sh {subject}")
ROWS_QUARANTINED = IncidentKind("rows quarantined", "rows were refused", "resync.sh {source} --quarantined")
ROWS_WAITING = IncidentKind("rows waiting", "rows wait for their dimension", "resync.sh {source}")
RECONCILE_DIFFERENCES = IncidentKind(
    "reconcile differences", "the warehouse was damaged, and is mended", "reconcile.sh"
)
TABLE_DAMAGED = IncidentKind("table damaged", "a loaded table was changed by hand", "resync.sh {whole}")
FRESHNESS = IncidentKind("freshness", "older than the objective", "status.sh {subject}")
EXTRACT_SILENT = IncidentKind("extract silent", "the source is not read", "logs.sh extract")
LOAD_SILENT = IncidentKind("load silent", "nothing is loaded", "logs.sh load")
RUN_REFUSED = IncidentKind("run refused", "a run cannot be loaded", "logs.sh load")
TWO_LOGS = IncidentKind("two logs", "two stacks feed one warehouse", "logs.sh load")
LOG_WENT_BACK = IncidentKind("run log went back", "run numbers would be used twice", "new_log.sh")

KINDS = (
    *(DEAD_LETTERS, OLDEST_MESSAGE, TABLE_BEHIND, TABLE_HELD, ROWS_QUARANTINED, ROWS_WAITING),
    TABLE_DAMAGED,
    *(RECONCILE_DIFFERENCES, FRESHNESS, EXTRACT_SILENT, LOAD_SILENT, RUN_REFUSED, TWO_LOGS),
    LOG_WENT_BACK,
)

Told = Callable[..., Incident]


def incidents(seen: Seen, options: str = "") -> list[Incident]:
    """All that is wrong now. `options` end each command: which stack it is about."""

    def told(
        kind: IncidentKind, subject: str, says: str, source: str = "", run: str = "", **numbers: float
    ) -> Incident:
        target = seen.targets.get(subject)
        names = {"source": target.sources[0], "whole": " ".join(target.whole_from)} if target else {"source": subject}
        names |= {"source": source} if source else {}
        command = " ".join(f"./infra_bash/{(run or kind.command).format(subject=subject, **names)}{options}".split())
        return Incident(
            kind=kind.name,
            subject=subject,
            since=seen.now,
            title=kind.title,
            says=says,
            numbers=numbers,
            command=command,
            runbook=kind.runbook,
        )

    return [
        *_silences(seen, told),
        *_holds(seen, told),
        *(each for target in seen.targets.values() for each in _of_table(target, seen, told)),
    ]


def _silences(seen: Seen, told: Told) -> Iterator[Incident]:
    extract_at, load_at = (health.at if health else None for health in (seen.extract, seen.load))
    went_back = _went_back(seen)
    # Then it refuses, too, and its silence has the same remedy.
    if seen.is_too_old(extract_at) and not went_back:
        yield told(EXTRACT_SILENT, "", f"extract last looked {_when(extract_at)}", seconds=seen.age_s(extract_at))
    if seen.is_too_old(load_at):
        yield told(LOAD_SILENT, "", f"load last ended well {_when(load_at)}", seconds=seen.age_s(load_at))
    stopped, reason = (seen.load.stopped, seen.load.reason) if seen.load else ("", "")
    if went_back:
        yield told(LOG_WENT_BACK, "", went_back)
    elif stopped == TwoLogs.__name__:
        yield told(TWO_LOGS, "", reason)
    elif stopped or seen.is_unreadable_for_good:
        yield told(RUN_REFUSED, "", reason or seen.unreadable)


def _went_back(seen: Seen) -> str:
    """Why the run log is known to be an earlier one than what was loaded of it; empty where it is not."""
    load = seen.load
    if load and load.stopped == LogWentBack.__name__:
        return load.reason
    last = seen.newest.run if seen.newest else 0
    if load is None or seen.unreadable or load.complete_run <= last or (seen.newest and seen.newest.log != load.log):
        return ""
    return str(LogWentBack(f"run log {load.log} ends with run {last}, and run {load.complete_run} is loaded"))


def _nothing_is_read(seen: Seen) -> bool:
    """Then every table grows old."""
    return seen.is_too_old(seen.extract.at if seen.extract else None)


def _nothing_is_loaded(seen: Seen) -> bool:
    """Then every run is late, or nobody can say which is."""
    load = seen.load
    return load is None or bool(load.stopped or seen.unreadable) or seen.is_too_old(load.at)


def unjudged(seen: Seen) -> set[str]:
    """The kinds of which nobody can say now whether there are any: what was open stays so."""
    kinds = {FRESHNESS} if _nothing_is_read(seen) else set()
    kinds |= {OLDEST_MESSAGE, TABLE_BEHIND, FRESHNESS} if _nothing_is_loaded(seen) else set()
    kinds |= set() if seen.is_counted else {*(ROWS_QUARANTINED, ROWS_WAITING, RECONCILE_DIFFERENCES, TABLE_DAMAGED)}
    kinds |= {TABLE_HELD} if seen.unreadable else set()
    return {kind.name for kind in kinds}


def _holds(seen: Seen, told: Told) -> Iterator[Incident]:
    for table, hold in seen.holds().items():
        yield told(TABLE_HELD, table, f"since run {hold.since_run}: {hold.reason}")
    for table, postponed in seen.postponed().items():
        if postponed.looks >= LOOKS_POSTPONED:
            says = f"since {postponed.since:%F %T} UTC, in {postponed.looks} looks: {postponed.reason}"
            yield told(TABLE_HELD, table, says)


def _of_table(target: Target, seen: Seen, told: Told) -> Iterator[Incident]:
    table, health = target.name, seen.table(target.name)
    yield from _of_messages(target, seen, told)
    if seen.load and table in seen.load.refused:
        yield told(RUN_REFUSED, table, seen.load.refused[table])
    if health.quarantined:
        yield told(ROWS_QUARANTINED, table, f"{_counted(health.quarantined, 'row')} set aside", rows=health.quarantined)
    if health.waiting and seen.has_outlasted(health.waiting_since, seen.worked_until):
        lacking = seen.targets.get(health.waiting_for or "")
        says = f"{_counted(health.waiting, 'row')}, the first since {health.waiting_since:%F %T} UTC"
        says += f"; not in {lacking.name}" if lacking else ""
        source = lacking.sources[0] if lacking else ""
        waits_s = seen.age_s(health.waiting_since)
        yield told(ROWS_WAITING, table, says, source, rows=health.waiting, seconds=waits_s)
    if health.differing:
        found = _counted(health.differing, "row")
        says = f"the last reconcile found {found} otherwise than in the source; the next must find none"
        yield told(RECONCILE_DIFFERENCES, table, says, rows=health.differing)
    if health.damage:
        run = "deploy.sh" if health.damage.there.rows is None else ""
        yield told(TABLE_DAMAGED, table, _said_of(health.damage), run=run)


def _said_of(damage: Damage) -> str:
    """The numbers that are not as the loader left them."""
    there, loaded = damage.there, damage.loaded
    if there.rows is None:
        return f"it is not there, or the loader may not read it; {_counted(loaded.rows or 0, 'row')} were loaded"
    numbers = (
        (there.rows, loaded.rows, "rows"),
        (there.entries, loaded.entries, "entries in etl_ledger"),
        (there.others, loaded.others, "rows in etl_deletion, etl_text_deletion, etl_waiting and etl_quarantine"),
    )
    said = [f"{is_} {what}, and {was} were loaded" for is_, was, what in numbers if is_ != was]
    return "; ".join([*said, *([f"{there.changed} rows written by another than the loader"] if there.changed else [])])


def _of_messages(target: Target, seen: Seen, told: Told) -> Iterator[Incident]:
    """Dead letters; and of a table that is late its messages, or that it is so though its run has none any more."""
    table, depths, missing = target.name, seen.depths(target.name), seen.missing(target)
    is_late = missing is not None and _is_late(missing, seen)
    if depths.dead_letters:
        yield told(DEAD_LETTERS, table, _counted(depths.dead_letters, "message"), messages=depths.dead_letters)
    if missing and is_late:
        yield from _of_late(target, missing, seen, told)
    fresh = seen.fresh_as_of(target)
    # A table that is only behind is told when its run is late: a watch without memory cannot say how old it was before.
    is_told_as_late = missing is not None and (is_late or not seen.is_held(target))
    is_old = seen.has_outlasted(fresh, seen.worked_until)
    if is_old and not (is_told_as_late or _nothing_is_read(seen) or _nothing_is_loaded(seen)):
        says = (
            f"it shows the source as of {fresh:%F %T} UTC; the contract is {CONTRACT_S} s" if fresh else "never loaded"
        )
        yield told(FRESHNESS, table, says, seconds=seen.age_s(fresh))


def _is_late(missing: Missing, seen: Seen) -> bool:
    return seen.has_outlasted(missing.since, seen.loaded_until) and not _nothing_is_loaded(seen)


def _of_late(target: Target, missing: Missing, seen: Seen, told: Told) -> Iterator[Incident]:
    table, depths, seconds = target.name, seen.depths(target.name), seen.age_s(missing.since)
    waiting, refused = (seen.load.waiting, seen.load.refused) if seen.load else ({}, {})
    if depths.messages:
        says = f"{_counted(depths.messages, 'message')}, the oldest is of run {missing.run}"
        yield told(OLDEST_MESSAGE, table, says, messages=depths.messages, seconds=seconds)
    elif not seen.may_be_dead(table, missing) and table not in refused:
        says = f"run {missing.run}: {waiting.get(table, 'it was not loaded')}"
        yield told(TABLE_BEHIND, table, says, seconds=seconds)


def _when(at: datetime | None) -> str:
    return f"at {at:%F %T} UTC" if at else "never"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
