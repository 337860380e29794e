"""Run one pass of the loader: load every available manifest, table by table, in the order of the log."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec.structs import replace

from shared import log
from shared.aws.bucket import Bucket
from shared.aws.functions import Functions
from shared.errors import SPREADS_S, LogWentBack, MayPass, PermanentError, TotestreamError
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.lake.manifests import Manifests, Place
from shared.lake.run_log import RunLog
from shared.ledger import ledger
from shared.ledger.ledger import CompleteRun, LedgerEntry
from shared.load import plan
from shared.load.damage import Damage, find_damages
from shared.load.health import LoadHealth, Missing, TableHealth, table_health
from shared.load.memory import LoadMemory
from shared.load.result import LoadResult
from shared.load.session import WarehouseSession
from shared.load.table_loader import TableLoader
from shared.warehouse.registry import Target

# No manifest is begun with less time left: one of an ordinary minute takes a second or two.
STOP_UNDER_S = 20
# Read at once: a day of a run each minute. A pass that finds nothing to do in them looks further.
RECORDS_PER_CHECK = 1440


@dataclass(frozen=True)
class LoadDependencies:
    """What a pass needs from outside. `migrate` is the function's name. `grace_period_s` is how long a fact's rows wait
    for a dimension under way, and a fact for a missing manifest."""

    warehouse: WarehouseSession
    ingestion: Bucket
    processed: Bucket
    functions: Functions
    migrate: str
    targets: Mapping[str, Target]
    time_left_s: Callable[[], float]
    grace_period_s: float
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    records_per_check: int = RECORDS_PER_CHECK


def load_pass(outside: LoadDependencies, memory: LoadMemory | None = None) -> LoadResult:
    """Load until nothing new is found, and return what was done; load nothing if another loader has the lock.

    Raise what stops the whole pass (a lost connection, two logs); its lock ends with the connection. What stops one
    table is logged and is in the result.
    """
    result = LoadResult()
    if not outside.warehouse.lock():
        result.busy = True
        return result
    load = LoadPass(outside, memory or LoadMemory(), result)
    # Before anything is loaded, which could hide what is missing.
    load.find_damages()
    try:
        while load.check():
            pass
    except PermanentError as error:
        if not load.may_pass(error):
            load.report({}, error)
        raise
    # As soon as possible after the last check: a manifest that comes in between waits for the next schedule.
    outside.warehouse.unlock()
    load.ask_for_foreign_keys()
    load.report(table_health(outside.warehouse, result.log, outside.targets))
    return result


class LoadPass:
    def __init__(self, outside: LoadDependencies, memory: LoadMemory, result: LoadResult) -> None:
        self._outside, self._memory, self._result = outside, memory, result
        self._warehouse, self._targets = outside.warehouse, outside.targets
        self._run_log = RunLog(outside.ingestion)
        self._manifests = Manifests(outside.processed)
        self._window = outside.records_per_check
        self._unloadable: dict[Place, str] = {}
        self._last_view: plan.LoaderView | None = None
        self._sees_all = False
        self._damages: Mapping[str, Damage] = {}

    def find_damages(self) -> None:
        counted, now = self._memory.counted, self._outside.now()
        self._damages = find_damages(self._warehouse, self._targets, counted, now, self._outside.time_left_s)

    def check(self) -> bool:
        """Load what is available now. Return whether another check may find more."""
        newest = self._run_log.newest()
        if newest is None:
            return False
        complete = self._complete_run(newest)
        last = min(complete + self._window, newest.run)
        self._result.seen_run, self._sees_all = last, last == newest.run
        loaded_before = self._result.loaded
        self._load_tables(self._view(newest, complete, last))
        if not self._has_time():
            return False
        if self._result.loaded > loaded_before:
            return True
        self._window += self._outside.records_per_check
        return not self._sees_all

    def ask_for_foreign_keys(self) -> None:
        """Invoke migrate for loaded facts without foreign keys, which the loader's login may not add."""
        facts = [target for target in self._targets.values() if target.kind == "fact"]
        lacking = [target.name for target in facts if self._lacks_keys(target)]
        if not lacking:
            return
        try:
            self._outside.functions.invoke_later(self._outside.migrate, {"do": "foreign_keys", "tables": lacking})
            log.info("foreign keys asked for", tables=lacking)
        except TotestreamError as error:
            # The next load of any of them repeats the request.
            log.failure("foreign keys could not be asked for", error)

    def report(self, tables: Mapping[str, TableHealth], stopped_by: PermanentError | None = None) -> None:
        known = {
            name: replace(table, missing=self._missing(name), damage=self._damages.get(name))
            for name, table in tables.items()
        }
        health = self._result.health(self._outside.now(), known, stopped_by)
        self._outside.ingestion.put(keys.LOAD_HEALTH, msgspec.json.encode(health))

    def may_pass(self, error: PermanentError) -> bool:
        """Return whether the error may pass: the last pass without such an error is not too long ago."""
        if not isinstance(error, MayPass):
            return False
        last = last_words(self._outside.ingestion, keys.LOAD_HEALTH, LoadHealth)
        return last is None or not last.stopped and self._outside.now() - last.at < timedelta(seconds=SPREADS_S)

    def _complete_run(self, newest: RunRecord) -> int:
        log_id, complete = newest.log, ledger.complete_run(self._warehouse, newest.log, newest.began)
        self._result.log, self._result.newest_run, self._result.complete_run = log_id, newest.run, complete.run
        if newest.run < complete.run:
            raise LogWentBack(f"run log {log_id} ends with run {newest.run}, and run {complete.run} is loaded")
        if complete.attempt and self._attempt_of(complete.run, newest) != complete.attempt:
            raise LogWentBack(f"run {complete.run} of log {log_id} is not the one that is loaded")
        return complete.run

    def _attempt_of(self, run: int, newest: RunRecord) -> str:
        [record] = [newest] if newest.run == run else self._memory.records(self._run_log, newest, run - 1, run)
        return record.attempt

    def _view(self, newest: RunRecord, complete: int, last: int) -> plan.LoaderView:
        log_id = newest.log
        entries = ledger.entries_after(self._warehouse, log_id, complete)
        records = self._memory.records(self._run_log, newest, complete, last)
        check_records(entries, records, newest)
        # Where neither a run nor an entry is left, no manifest matters.
        available: set[Place] = self._manifests.places_since(complete) if records or entries else set()
        self._result.waiting = dict(self._result.stopped)
        for reason, table in self._memory.refusals(self._outside.processed, log_id, entries, available).items():
            self._result.add_refused(reason, table)
        self._last_view = plan.LoaderView(
            records=records,
            available=available,
            applied=set(entries),
            unloadable=self._unloadable,
            now=self._warehouse.now(),
            grace_period=timedelta(seconds=self._outside.grace_period_s),
            warehouse=newest.warehouse,
            last_runs=ledger.last_runs(self._warehouse, log_id),
        )
        return self._last_view

    def _load_tables(self, view: plan.LoaderView) -> None:
        for target in self._targets.values():
            if target.name in self._result.stopped:
                continue
            loader = TableLoader(self._warehouse, self._outside.processed, target, self._result, view)
            loader.load(self._has_time, self._outside.time_left_s)
        complete = plan.complete_run(self._result.complete_run, self._targets, view)
        if complete > self._result.complete_run:
            ledger.advance(self._warehouse, self._result.log, CompleteRun(complete, view.record(complete).attempt))
            self._result.complete_run = complete

    def _missing(self, table: str) -> Missing | None:
        """Return the oldest checked run that the table still lacks."""
        expected = self._last_view.expected(table) if self._last_view else []
        return Missing(expected[0].run, expected[0].snapshot.taken_at) if expected else None

    def _has_time(self) -> bool:
        return self._outside.time_left_s() > STOP_UNDER_S

    def _lacks_keys(self, target: Target) -> bool:
        """Return whether the fact and its dimensions are loaded for the first time, and foreign keys are missing."""
        tables = {target.name, *(dimension for dimension, _ in target.references.values())}
        if not tables & self._result.changed or not self._sees_all or self._last_view is None:
            return False
        if any(self._last_view.expected(table) for table in tables) or not ledger.has_loaded(
            self._warehouse, target.name
        ):
            return False
        existing = self._warehouse.foreign_keys()
        return any((target.name, column) not in existing for column in target.references)


def check_records(entries: Mapping[Place, LedgerEntry], records: Sequence[RunRecord], newest: RunRecord) -> None:
    """Raise LogWentBack when an entry of the ledger stands for another record than the log has now, or for none."""
    attempts = {record.run: record.attempt for record in records}
    for (run, table), entry in sorted(entries.items()):
        if run > newest.run:
            raise LogWentBack(f"run log {newest.log} ends with run {newest.run}, and run {run} is loaded for {table}")
        if entry.attempt and run in attempts and attempts[run] != entry.attempt:
            raise LogWentBack(f"run {run} of log {newest.log} is not the one that is loaded for {table}")
