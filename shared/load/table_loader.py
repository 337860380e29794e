"""Load one table in a pass: first rows that waited, then its manifests in order, until nothing is left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from shared import log
from shared.aws.bucket import Bucket
from shared.errors import (
    SPREADS_S,
    AwsRefused,
    LogWentBack,
    MissingObject,
    NotYet,
    PermanentError,
    Refused,
    ServiceRefused,
    TotestreamError,
)
from shared.lake.documents import Manifest, RunRecord
from shared.ledger import entries, ledger, waiting
from shared.ledger.counts import record_counts
from shared.ledger.ledger import TableLoad
from shared.ledger.stage import STAGE
from shared.ledger.tables import SUPERSEDED
from shared.load import plan, sql
from shared.load.manifest_load import ManifestLoad, get_manifest
from shared.load.result import LoadResult
from shared.load.session import ConnectionLost, WarehouseSession
from shared.warehouse.registry import Target

Clock = Callable[[], float]


class TableLoader:
    """The loader of one table in one pass. No error stops another table, unless the connection is lost."""

    def __init__(
        self, warehouse: WarehouseSession, bucket: Bucket, target: Target, result: LoadResult, view: plan.LoaderView
    ) -> None:
        self._warehouse, self._bucket, self._target = warehouse, bucket, target
        self._result, self._view = result, view

    def load(self, has_time: Callable[[], bool], time_left_s: Clock) -> None:
        self._time_left_s = time_left_s
        can_continue = self._guarded(None, lambda: self._release_all(has_time)) if self._target.kind == "fact" else True
        while can_continue and has_time():
            step = plan.next_step(self._target, self._view)
            if step is None:
                return
            can_continue = self._do(step)

    def _do(self, step: plan.Apply | plan.Supersede | plan.Enter | plan.Wait) -> bool:
        """Do the step, and return whether there may be another."""
        match step:
            case plan.Apply(run):
                return self._guarded(run, lambda: self._apply(run))
            case plan.Supersede(runs, by):
                return self._guarded(by, lambda: self._supersede(runs, by))
            case plan.Enter(runs, by):
                return self._guarded(by, lambda: self._enter(runs, by))
            case plan.Wait(run):
                unloadable = self._view.unloadable.get((run, self._target.name))
                self._result.waiting[self._target.name] = unloadable or f"the manifest of run {run} is not there"
                return False

    def _guarded(self, run: int | None, work: Callable[[], None]) -> bool:
        """Do `work` on the manifest of `run`, and return whether the table can continue, with or without it."""
        table = self._target.name
        try:
            work()
        except (ConnectionLost, LogWentBack):
            raise
        except NotYet as error:
            self._result.waiting[table] = str(error)
            return False
        except TotestreamError as error:
            return self._failed(run, error)
        return True

    def _failed(self, run: int | None, error: TotestreamError) -> bool:
        table = self._target.name
        is_permanent = isinstance(error, PermanentError) and not self._passes(run, error)
        if not is_permanent or self._result.add_refused(f"{table}, run {run}: {error}", table):
            say = log.error if is_permanent else log.warning
            say("table was not loaded", table=table, run=run, error=error.code, reason=str(error))
        if run is not None and is_permanent and not isinstance(error, ServiceRefused):
            # The manifest itself is bad: only a full batch replaces it. The next pass tries it again.
            self._view.unloadable[run, table] = str(error)
            return True
        self._result.stopped[table] = self._result.waiting[table] = str(error)
        return False

    def _passes(self, run: int | None, error: TotestreamError) -> bool:
        """Return whether the error may pass. A right that stays missing makes the table late, which is an incident."""
        if not isinstance(error, MissingObject) or run is None:
            return isinstance(error, AwsRefused)
        return self._view.now - self._view.record(run).snapshot.taken_at < timedelta(seconds=SPREADS_S)

    def _apply(self, run: int) -> None:
        stored = get_manifest(self._bucket, self._result.log, run, self._target.name)
        manifest, record = stored.manifest, self._view.record(run)
        self._check_record(manifest, record)
        with self._warehouse.transaction(self._time_left_s):
            manifest_load = ManifestLoad(
                self._warehouse, self._target, self._result.log, run, manifest.snapshot_at, record.cause
            )
            load = manifest_load.apply(
                self._bucket, manifest, lambda dimension: plan.is_awaited(dimension, run, self._view)
            )
            if load.newest_change_at is None and load.inserted + load.updated:
                load = replace(load, newest_change_at=plan.newest_change(record, self._target))
            manifest_load.enter(stored, load, record.attempt, plan.bounds(record, self._target))
            manifest_load.count_rows(whole=plan.compares_all(record, self._target))
        self._note_applied(run)
        self._say("manifest loaded", run, load)

    def _supersede(self, runs: tuple[int, ...], by: int) -> None:
        manifest = get_manifest(self._bucket, self._result.log, by, self._target.name).manifest
        self._check_record(manifest, self._view.record(by))
        if manifest.mode != "full":
            raise Refused(f"the manifest of run {by} is not full, its run record says that it is")
        self._enter_superseded(runs, by, "run superseded")

    def _enter(self, runs: tuple[int, ...], by: int) -> None:
        """Enter missing runs again. A table that was emptied with its ledger is loaded again from the first run on."""
        table = self._target.name
        if (by, table) not in self._view.applied and self._warehouse.is_empty(table):
            del self._view.last_runs[table]
        else:
            self._enter_superseded(runs, by, "entry in the ledger was gone")

    def _enter_superseded(self, runs: tuple[int, ...], by: int, phrase: str) -> None:
        """Enter `runs` as superseded, without loading them."""
        with self._warehouse.transaction(self._time_left_s):
            for run in runs:
                ledger.enter(
                    self._warehouse,
                    TableLoad(),
                    log_id=self._result.log,
                    table_name=self._target.name,
                    run=run,
                    load_no=0,
                    status=SUPERSEDED,
                    attempt=self._view.record(run).attempt,
                )
                self._keep_bounds(self._view.record(run))
        for run in runs:
            self._note_applied(run)
            log.warning(phrase, table=self._target.name, run=run, by=by)

    def _check_record(self, manifest: Manifest, record: RunRecord) -> None:
        if not manifest.is_of(record):
            raise LogWentBack(f"the manifest of {manifest.table}, run {record.run}, was made of another run's record")

    def _keep_bounds(self, record: RunRecord) -> None:
        """Keep the bounds of a superseded run, which count for the full batch that stands for it."""
        place = {"table": self._target.name, "log": self._result.log, "run": record.run, "load_no": 0}
        bounds = plan.bounds(record, self._target)._asdict()
        snapshot_at = record.snapshot.taken_at
        self._warehouse.run(entries.INSERT_FRESHNESS, **place, **bounds, snapshot_at=snapshot_at, newest_change_at=None)

    def _note_applied(self, run: int) -> None:
        self._view.applied.add((run, self._target.name))
        self._result.waiting.pop(self._target.name, None)
        self._result.add_loaded(self._target.name)

    def _release_all(self, has_time: Callable[[], bool]) -> None:
        runs = self._warehouse.run(waiting.WAITING_RUNS, table=self._target.name)
        if runs:
            self._give_way()
        for log_id, run, snapshot_at in runs:
            if not has_time():
                return
            with self._warehouse.transaction(self._time_left_s):
                manifest_load = ManifestLoad(self._warehouse, self._target, log_id, run, snapshot_at)
                load = manifest_load.release()
                if load:
                    manifest_load.enter_release(load)
                manifest_load.count_rows(whole=False)
            if load:
                self._result.add_loaded(self._target.name)
                self._say("waiting rows released", run, load)

    def _give_way(self) -> None:
        """Quarantine waiting versions whose dimension cannot come, and that block later versions of their keys."""
        target, view = self._target, self._view
        place = {"table": target.name, "log": self._result.log, "given_up_before": view.now - view.grace_period}
        with self._warehouse.transaction(self._time_left_s):
            self._warehouse.run(sql.create_stage(STAGE, target.columns))
            rows = self._warehouse.count(waiting.give_way(target, plan.awaited_from(target, view)), **place)
            record_counts(self._warehouse, target, 0)
        if rows:
            log.warning("waiting versions quarantined: later versions load instead", table=target.name, rows=rows)

    def _say(self, phrase: str, run: int, load: TableLoad) -> None:
        counts = {name: getattr(load, name) for name in entries.COUNTS if getattr(load, name)}
        log.info(phrase, table=self._target.name, run=run, **counts)
