"""Find the incidents in an observation. Pure. shared/wording/incidents.py has their kinds and sentences.

Only the nearest cause of a late table is an incident. While extract or load is silent as a whole, its tables are not
reported one by one, since all of them grow old. Until that silence has lasted long enough to be an incident, a table's
age counts only up to the last moment at which both worked. A held table is reported as held, and as stale once that has
lasted longer than the objective.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from shared.alerts.documents import Incident
from shared.errors import LogWentBack, TwoLogs
from shared.load.damage import Damage
from shared.load.health import Missing
from shared.warehouse.registry import Target
from shared.watch.observation import Observation
from shared.wording import incidents as wording
from shared.wording.incidents import (
    ACCOUNT_EXPIRES,
    DEAD_LETTERS,
    EXTRACT_SILENT,
    FRESHNESS,
    LOAD_SILENT,
    LOG_WENT_BACK,
    OLDEST_MESSAGE,
    RECONCILE_DIFFERENCES,
    ROWS_QUARANTINED,
    ROWS_WAITING,
    RUN_REFUSED,
    TABLE_BEHIND,
    TABLE_DAMAGED,
    TABLE_HELD,
    TWO_LOGS,
    IncidentKind,
)

# A lock held for some seconds postpones a table once, and the next check reads it: that needs nobody.
CHECKS_POSTPONED = 2
# A working day before an account ends people hear of it, and can move to the next one.
EXPIRY_NOTICE = timedelta(hours=12)

Report = Callable[..., Incident]
"""Makes an incident of its kind, subject, sentence and numbers."""


def incidents(seen: Observation, options: str = "") -> list[Incident]:
    """Return all incidents of an observation. `options` choose the stack, and end each command."""

    def report(
        kind: IncidentKind, subject: str, says: str, source: str = "", script: str = "", **numbers: float
    ) -> Incident:
        target = seen.targets.get(subject)
        first, whole = (target.sources[0], target.whole_from) if target else (subject, ())
        return Incident(
            kind=kind.name,
            subject=subject,
            since=seen.now,
            title=kind.title,
            says=says,
            numbers=numbers,
            command=wording.command(script or kind.command, subject, source or first, whole, options),
            runbook=kind.runbook,
        )

    return [
        *_of_stack(seen, report),
        *_of_source_tables(seen, report),
        *(each for target in seen.targets.values() for each in _of_table(target, seen, report)),
    ]


def _of_stack(seen: Observation, report: Report) -> Iterator[Incident]:
    extract_at, load_at = (health.at if health else None for health in (seen.extract, seen.load))
    went_back = _went_back(seen)
    if seen.account_expires and seen.now >= seen.account_expires - EXPIRY_NOTICE:
        yield report(ACCOUNT_EXPIRES, "", wording.account_expires(seen.account_expires, seen.now))
    # Extract then refuses to run, too: one incident is enough.
    if seen.is_too_old(extract_at) and not went_back:
        yield report(EXTRACT_SILENT, "", wording.extract_silent(extract_at), seconds=seen.age_s(extract_at))
    if seen.is_too_old(load_at):
        yield report(LOAD_SILENT, "", wording.load_silent(load_at), seconds=seen.age_s(load_at))
    stopped, reason = (seen.load.stopped, seen.load.reason) if seen.load else ("", "")
    if went_back:
        yield report(LOG_WENT_BACK, "", went_back)
    elif stopped == TwoLogs.code:
        yield report(TWO_LOGS, "", reason)
    elif stopped or seen.is_unreadable_for_good:
        yield report(RUN_REFUSED, "", reason or seen.unreadable)


def _went_back(seen: Observation) -> str:
    """Return why the run log is known to be older than what was loaded from it; "" where it is not."""
    load = seen.load
    if load and load.stopped == LogWentBack.code:
        return load.reason
    last = seen.newest.run if seen.newest else 0
    if load is None or seen.unreadable or load.complete_run <= last or (seen.newest and seen.newest.log != load.log):
        return ""
    return str(LogWentBack(f"run log {load.log} ends with run {last}, and run {load.complete_run} is loaded"))


def _is_extract_silent(seen: Observation) -> bool:
    """Return whether nothing is read from the source, so that every table grows old."""
    return seen.is_too_old(seen.extract.at if seen.extract else None)


def _is_load_silent(seen: Observation) -> bool:
    """Return whether nothing is loaded: then every run is late, or it is unknown which ones are."""
    load = seen.load
    return load is None or bool(load.stopped or seen.unreadable) or seen.is_too_old(load.at)


def undecidable(seen: Observation) -> set[str]:
    """Return the kinds of incidents that cannot be decided now: those that were open stay open."""
    kinds = {FRESHNESS} if _is_extract_silent(seen) else set()
    kinds |= {OLDEST_MESSAGE, TABLE_BEHIND, FRESHNESS} if _is_load_silent(seen) else set()
    kinds |= set() if seen.is_counted else {ROWS_QUARANTINED, ROWS_WAITING, RECONCILE_DIFFERENCES, TABLE_DAMAGED}
    kinds |= {TABLE_HELD} if seen.unreadable else set()
    return {kind.name for kind in kinds}


def _of_source_tables(seen: Observation, report: Report) -> Iterator[Incident]:
    for table, hold in seen.holds().items():
        yield report(TABLE_HELD, table, wording.held(hold.since_run, hold.reason))
    for table, postponed in seen.postponed().items():
        if postponed.looks >= CHECKS_POSTPONED:
            says = wording.postponed(postponed.since, postponed.looks, postponed.reason)
            yield report(TABLE_HELD, table, says)


def _of_table(target: Target, seen: Observation, report: Report) -> Iterator[Incident]:
    table, health = target.name, seen.table(target.name)
    yield from _of_progress(target, seen, report)
    if seen.load and table in seen.load.refused:
        yield report(RUN_REFUSED, table, seen.load.refused[table])
    if health.quarantined:
        yield report(ROWS_QUARANTINED, table, wording.quarantined(health.quarantined), rows=health.quarantined)
    if health.waiting and seen.has_outlasted(health.waiting_since, seen.worked_until):
        dimension = seen.targets.get(health.waiting_for or "")
        says = wording.waiting(health.waiting, health.waiting_since, dimension.name if dimension else None)
        source = dimension.sources[0] if dimension else ""
        waits_s = seen.age_s(health.waiting_since)
        yield report(ROWS_WAITING, table, says, source, rows=health.waiting, seconds=waits_s)
    if health.differing:
        yield report(RECONCILE_DIFFERENCES, table, wording.differing(health.differing), rows=health.differing)
    if health.damage:
        script = wording.DEPLOY if health.damage.there.rows is None else ""
        yield report(TABLE_DAMAGED, table, _damaged(health.damage), script=script)


def _damaged(damage: Damage) -> str:
    now, loaded = damage.there, damage.loaded
    if now.rows is None:
        return wording.table_missing(loaded.rows or 0)
    return wording.damaged(
        (now.rows, loaded.rows), (now.entries, loaded.entries), (now.others, loaded.others), now.changed
    )


def _of_progress(target: Target, seen: Observation, report: Report) -> Iterator[Incident]:
    """Yield the table's dead letters and, when it is late, the nearest cause."""
    table, depths, missing = target.name, seen.depths(target.name), seen.missing(target)
    is_late = missing is not None and _is_late(missing, seen)
    if depths.dead_letters:
        says = wording.dead_letters(depths.dead_letters)
        yield report(DEAD_LETTERS, table, says, messages=depths.dead_letters)
    if missing and is_late:
        yield from _of_late_run(target, missing, seen, report)
    fresh = seen.fresh_as_of(target)
    # A table that is only behind is reported when its run is late: a watch without memory does not know its age.
    is_reported_as_late = missing is not None and (is_late or not seen.is_held(target))
    is_old = seen.has_outlasted(fresh, seen.worked_until)
    if is_old and not (is_reported_as_late or _is_extract_silent(seen) or _is_load_silent(seen)):
        yield report(FRESHNESS, table, wording.stale(fresh), seconds=seen.age_s(fresh))


def _is_late(missing: Missing, seen: Observation) -> bool:
    return seen.has_outlasted(missing.since, seen.loaded_until) and not _is_load_silent(seen)


def _of_late_run(target: Target, missing: Missing, seen: Observation, report: Report) -> Iterator[Incident]:
    table, depths, seconds = target.name, seen.depths(target.name), seen.age_s(missing.since)
    waiting, refused = (seen.load.waiting, seen.load.refused) if seen.load else ({}, {})
    if depths.messages:
        says = wording.oldest_message(depths.messages, missing.run)
        yield report(OLDEST_MESSAGE, table, says, messages=depths.messages, seconds=seconds)
    elif not seen.may_be_dead(table, missing) and table not in refused:
        yield report(TABLE_BEHIND, table, wording.behind(missing.run, waiting.get(table)), seconds=seconds)
