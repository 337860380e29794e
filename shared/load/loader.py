"""One pass of the loader: all that is there to be loaded, table by table, each in the order of the log."""

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
from shared.load import plan
from shared.load.damage import Damage, find_damages
from shared.load.health import LoadHealth, Missing, TableHealth, table_health
from shared.load.memory import LoadMemory
from shared.load.outcome import LoadResult
from shared.load.turn import Turn
from shared.load.warehouse import Complete, Taken, WarehouseSession
from shared.warehouse.registry import Target

# No manifest is begun with less time left: one of an ordinary minute takes a second or two.
STOP_UNDER_S = 20
# Read at once: a day of a run each minute. A pass that finds nothing to do in them looks further.
RECORDS_PER_LOOK = 1440


@dataclass(frozen=True)
class LoadDependencies:
    """What a pass uses of the world. `migrate` is the function's name. `patience_s` is how long a fact's rows wait for
    a dimension that is on its way, and a fact's gap for its manifest."""

    warehouse: WarehouseSession
    ingestion: Bucket
    processed: Bucket
    functions: Functions
    migrate: str
    targets: Mapping[str, Target]
    time_left_s: Callable[[], float]
    patience_s: float
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    records_per_look: int = RECORDS_PER_LOOK


def load_pass(outside: LoadDependencies, memory: LoadMemory | None = None) -> LoadResult:
    """Load until nothing new is found. Quietly nothing when another loader is at work.

    Raises what stops the whole pass (a lost connection, two logs); its lock goes with the connection. What stops
    one table is logged and told in the outcome.
    """
    outcome = LoadResult()
    if not outside.warehouse.lock():
        outcome.busy = True
        return outcome
    one = Pass(outside, memory or LoadMemory(), outcome)
    # Before anything is loaded, which could hide what is missing.
    one.find_damages()
    try:
        while one.look():
            pass
    except PermanentError as error:
        if not one.may_pass(error):
            one.report({}, error)
        raise
    # The sooner after the last look, the less a bell can ring unheard in between.
    outside.warehouse.unlock()
    one.ask_for_foreign_keys()
    one.report(table_health(outside.warehouse, outcome.log, outside.targets))
    return outcome


class Pass:
    def __init__(self, outside: LoadDependencies, memory: LoadMemory, outcome: LoadResult) -> None:
        self._outside, self._memory, self._outcome = outside, memory, outcome
        self._warehouse, self._targets = outside.warehouse, outside.targets
        self._run_log = RunLog(outside.ingestion)
        self._manifests = Manifests(outside.processed)
        self._window = outside.records_per_look
        self._hopeless: dict[Place, str] = {}
        self._last_look: plan.Look | None = None
        self._sees_all = False
        self._damages: Mapping[str, Damage] = {}

    def find_damages(self) -> None:
        counted, now = self._memory.counted, self._outside.now()
        self._damages = find_damages(self._warehouse, self._targets, counted, now, self._outside.time_left_s)

    def look(self) -> bool:
        """Load what is there now. Whether another look is worth while."""
        newest = self._run_log.newest()
        if newest is None:
            return False
        complete = self._complete_run(newest)
        last = min(complete + self._window, newest.run)
        self._outcome.seen_run, self._sees_all = last, last == newest.run
        loaded_before = self._outcome.loaded
        self._take_turns(self._seen(newest, complete, last))
        if not self._has_time():
            return False
        if self._outcome.loaded > loaded_before:
            return True
        self._window += self._outside.records_per_look
        return not self._sees_all

    def ask_for_foreign_keys(self) -> None:
        """Of facts whose first load is done, if they lack any; the loader's own login may not add them."""
        facts = [target for target in self._targets.values() if target.kind == "fact"]
        lacking = [target.name for target in facts if self._lacks_keys(target)]
        if not lacking:
            return
        try:
            self._outside.functions.invoke_later(self._outside.migrate, {"do": "foreign_keys", "tables": lacking})
            log.info("foreign keys asked for", tables=lacking)
        except TotestreamError as error:
            # The next load of any of them asks again.
            log.failure("foreign keys could not be asked for", error)

    def report(self, tables: Mapping[str, TableHealth], stopped_by: PermanentError | None = None) -> None:
        known = {
            name: replace(table, missing=self._missing(name), damage=self._damages.get(name))
            for name, table in tables.items()
        }
        health = self._outcome.health(self._outside.now(), known, stopped_by)
        self._outside.ingestion.put(keys.LOAD_HEALTH, msgspec.json.encode(health))

    def may_pass(self, error: PermanentError) -> bool:
        """Whether nobody need look yet: the last pass that ended well is not too long ago."""
        if not isinstance(error, MayPass):
            return False
        last = last_words(self._outside.ingestion, keys.LOAD_HEALTH, LoadHealth)
        return last is None or not last.stopped and self._outside.now() - last.at < timedelta(seconds=SPREADS_S)

    def _complete_run(self, newest: RunRecord) -> int:
        log_id, complete = newest.log, self._warehouse.complete(newest.log, newest.began)
        self._outcome.log, self._outcome.newest_run, self._outcome.complete_run = log_id, newest.run, complete.run
        if newest.run < complete.run:
            raise LogWentBack(f"run log {log_id} ends with run {newest.run}, and run {complete.run} is loaded")
        if complete.attempt and self._attempt_of(complete.run, newest) != complete.attempt:
            raise LogWentBack(f"run {complete.run} of log {log_id} is not the one that is loaded")
        return complete.run

    def _attempt_of(self, run: int, newest: RunRecord) -> str:
        [record] = [newest] if newest.run == run else self._memory.records(self._run_log, newest, run - 1, run)
        return record.attempt

    def _seen(self, newest: RunRecord, complete: int, last: int) -> plan.Look:
        log_id = newest.log
        taken = self._warehouse.taken(log_id, complete)
        records = self._memory.records(self._run_log, newest, complete, last)
        refuse_others(taken, records, newest)
        # Where no run is left, nor an entry of one, no manifest is of any account.
        there: set[Place] = self._manifests.places_since(complete) if records or taken else set()
        self._outcome.waiting = dict(self._outcome.stopped)
        for reason, table in self._memory.refusals(self._outside.processed, log_id, taken, there).items():
            self._outcome.add_refused(reason, table)
        self._last_look = plan.Look(
            records=records,
            there=there,
            taken=set(taken),
            hopeless=self._hopeless,
            now=self._warehouse.now(),
            patience=timedelta(seconds=self._outside.patience_s),
            warehouse=newest.warehouse,
            last_runs=self._warehouse.last_runs(log_id),
        )
        return self._last_look

    def _take_turns(self, look: plan.Look) -> None:
        for target in self._targets.values():
            if target.name in self._outcome.stopped:
                continue
            turn = Turn(self._warehouse, self._outside.processed, target, self._outcome, look)
            turn.take(self._has_time, self._outside.time_left_s)
        complete = plan.complete_run(self._outcome.complete_run, self._targets, look)
        if complete > self._outcome.complete_run:
            self._warehouse.advance(self._outcome.log, Complete(complete, look.record(complete).attempt))
            self._outcome.complete_run = complete

    def _missing(self, table: str) -> Missing | None:
        """What it lacks at last of the runs that were looked at."""
        expected = self._last_look.expected(table) if self._last_look else []
        return Missing(expected[0].run, expected[0].snapshot.taken_at) if expected else None

    def _has_time(self) -> bool:
        return self._outside.time_left_s() > STOP_UNDER_S

    def _lacks_keys(self, target: Target) -> bool:
        """Whether this pass ended the first load of a fact and its dimensions, or went on from there without keys."""
        tables = {target.name, *(dimension for dimension, _ in target.references.values())}
        if not tables & self._outcome.changed or not self._sees_all or self._last_look is None:
            return False
        if any(self._last_look.expected(table) for table in tables) or not self._warehouse.has_loaded(target.name):
            return False
        there = self._warehouse.foreign_keys()
        return any((target.name, column) not in there for column in target.references)


def refuse_others(taken: Mapping[Place, Taken], records: Sequence[RunRecord], newest: RunRecord) -> None:
    """Raises LogWentBack when an entry of the ledger stands for another record than the log has now, or for none."""
    attempts = {record.run: record.attempt for record in records}
    for (run, table), entry in sorted(taken.items()):
        if run > newest.run:
            raise LogWentBack(f"run log {newest.log} ends with run {newest.run}, and run {run} is loaded for {table}")
        if entry.attempt and run in attempts and attempts[run] != entry.attempt:
            raise LogWentBack(f"run {run} of log {newest.log} is not the one that is loaded for {table}")
