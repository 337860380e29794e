"""One table's turn in a pass: what waited, then its manifests in order, until there is nothing to take."""

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
    Removed,
    ServiceRefused,
    TotestreamError,
)
from shared.lake.documents import Manifest, RunRecord
from shared.load import damage, ledger_sql, plan, sql, waiting_sql
from shared.load.bookkeeping import SUPERSEDED
from shared.load.manifest import Loading, get_written
from shared.load.outcome import LoadResult
from shared.load.warehouse import ConnectionLost, TableLoad, WarehouseSession
from shared.warehouse.registry import Target

Clock = Callable[[], float]


class Turn:
    """Nothing that goes wrong here stops another table, unless the connection is lost."""

    def __init__(
        self, warehouse: WarehouseSession, bucket: Bucket, target: Target, outcome: LoadResult, look: plan.Look
    ) -> None:
        self._warehouse, self._bucket, self._target = warehouse, bucket, target
        self._outcome, self._look = outcome, look

    def take(self, has_time: Callable[[], bool], time_left_s: Clock) -> None:
        self._time_left_s = time_left_s
        going_on = self._guarded(None, lambda: self._release_all(has_time)) if self._target.kind == "fact" else True
        while going_on and has_time():
            step = plan.next_step(self._target, self._look)
            if step is None:
                return
            going_on = self._do(step)

    def _do(self, step: plan.Apply | plan.Supersede | plan.Enter | plan.Wait) -> bool:
        """Whether there may be more to do."""
        match step:
            case plan.Apply(run):
                return self._guarded(run, lambda: self._apply(run))
            case plan.Supersede(runs, by):
                return self._guarded(by, lambda: self._supersede(runs, by))
            case plan.Enter(runs, by):
                return self._guarded(by, lambda: self._enter(runs, by))
            case plan.Wait(run):
                hopeless = self._look.hopeless.get((run, self._target.name))
                self._outcome.waiting[self._target.name] = hopeless or f"the manifest of run {run} is not there"
                return False

    def _guarded(self, run: int | None, work: Callable[[], None]) -> bool:
        """Do `work`, about the manifest of `run`. Whether the table can go on, if only past that manifest."""
        table = self._target.name
        try:
            work()
        except (ConnectionLost, LogWentBack):
            raise
        except NotYet as error:
            self._outcome.waiting[table] = str(error)
            return False
        except TotestreamError as error:
            return self._failed(run, error)
        return True

    def _failed(self, run: int | None, error: TotestreamError) -> bool:
        table = self._target.name
        is_permanent = isinstance(error, PermanentError) and not self._passes(run, error)
        if not is_permanent or self._outcome.add_refused(f"{table}, run {run}: {error}", table):
            say = log.error if is_permanent else log.warning
            say("table was not loaded", table=table, run=run, error=type(error).__name__, reason=str(error))
        if run is not None and is_permanent and not isinstance(error, ServiceRefused):
            # The manifest itself is bad: only a full batch leads past it. The next pass tries it again.
            self._look.hopeless[run, table] = str(error)
            return True
        self._outcome.stopped[table] = self._outcome.waiting[table] = str(error)
        return False

    def _passes(self, run: int | None, error: TotestreamError) -> bool:
        """Whether nobody need look yet. Where a right is lacking for good the table is told as late."""
        if isinstance(error, Removed):
            return False
        if not isinstance(error, MissingObject) or run is None:
            return isinstance(error, AwsRefused)
        return self._look.now - self._look.record(run).snapshot.taken_at < timedelta(seconds=SPREADS_S)

    # ---- manifests

    def _apply(self, run: int) -> None:
        written = get_written(self._bucket, self._outcome.log, run, self._target.name)
        manifest, record = written.manifest, self._look.record(run)
        self._refuse_another_record(manifest, record)
        with self._warehouse.transaction(self._time_left_s):
            loading = Loading(self._warehouse, self._target, self._outcome.log, run, manifest.snapshot_at, record.cause)
            load = loading.apply(self._bucket, manifest, lambda dimension: plan.is_awaited(dimension, run, self._look))
            if load.newest_change_at is None and load.inserted + load.updated:
                load = replace(load, newest_change_at=plan.newest_change(record, self._target))
            loading.enter(written, load, record.attempt, plan.bounds(record, self._target))
            loading.count_rows(whole=plan.compares_all(record, self._target))
        self._took(run)
        self._say("manifest loaded", run, load)

    def _supersede(self, runs: tuple[int, ...], by: int) -> None:
        manifest = get_written(self._bucket, self._outcome.log, by, self._target.name).manifest
        self._refuse_another_record(manifest, self._look.record(by))
        if manifest.mode != "full":
            raise Refused(f"the manifest of run {by} is not full, its run record says that it is")
        self._pass_over(runs, by, "run superseded")

    def _enter(self, runs: tuple[int, ...], by: int) -> None:
        """A table that was emptied together with its ledger is to be loaded again, from the first run on."""
        table = self._target.name
        if (by, table) not in self._look.taken and self._warehouse.is_empty(table):
            del self._look.last_runs[table]
        else:
            self._pass_over(runs, by, "entry in the ledger was gone")

    def _pass_over(self, runs: tuple[int, ...], by: int, phrase: str) -> None:
        """Enter `runs` without loading them."""
        with self._warehouse.transaction(self._time_left_s):
            for run in runs:
                self._warehouse.enter(
                    TableLoad(),
                    log_id=self._outcome.log,
                    table_name=self._target.name,
                    run=run,
                    load_no=0,
                    status=SUPERSEDED,
                    attempt=self._look.record(run).attempt,
                )
                self._keep_bounds(self._look.record(run))
        for run in runs:
            self._took(run)
            log.warning(phrase, table=self._target.name, run=run, by=by)

    def _refuse_another_record(self, manifest: Manifest, record: RunRecord) -> None:
        if not manifest.is_of(record):
            raise LogWentBack(f"the manifest of {manifest.table}, run {record.run}, was made of another run's record")

    def _keep_bounds(self, record: RunRecord) -> None:
        """Of a run that was superseded: they count for the full batch that stands for it."""
        place = {"table": self._target.name, "log": self._outcome.log, "run": record.run, "load_no": 0}
        bounds = plan.bounds(record, self._target)._asdict()
        snapshot_at = record.snapshot.taken_at
        self._warehouse.run(
            ledger_sql.INSERT_FRESHNESS, **place, **bounds, snapshot_at=snapshot_at, newest_change_at=None
        )

    def _took(self, run: int) -> None:
        self._look.taken.add((run, self._target.name))
        self._outcome.waiting.pop(self._target.name, None)
        self._outcome.add_loaded(self._target.name)

    # ---- rows that waited

    def _release_all(self, has_time: Callable[[], bool]) -> None:
        runs = self._warehouse.run(waiting_sql.WAITING_RUNS, table=self._target.name)
        if runs:
            self._give_way()
        for log_id, run, snapshot_at in runs:
            if not has_time():
                return
            with self._warehouse.transaction(self._time_left_s):
                loading = Loading(self._warehouse, self._target, log_id, run, snapshot_at)
                load = loading.release()
                if load:
                    loading.enter_release(load)
                loading.count_rows(whole=False)
            if load:
                self._outcome.add_loaded(self._target.name)
                self._say("waiting rows released", run, load)

    def _give_way(self) -> None:
        """Set aside for good the versions that cannot come and hold up what can."""
        target, look = self._target, self._look
        place = {"table": target.name, "log": self._outcome.log, "given_up_before": look.now - look.patience}
        with self._warehouse.transaction(self._time_left_s):
            self._warehouse.run(sql.create_stage(sql.STAGE, target.columns))
            rows = self._warehouse.count(waiting_sql.give_way(target, plan.awaited_from(target, look)), **place)
            damage.note_load(self._warehouse, target, 0)
        if rows:
            log.warning("waiting versions gave way to later ones", table=target.name, rows=rows)

    def _say(self, phrase: str, run: int, load: TableLoad) -> None:
        counts = {name: getattr(load, name) for name in ledger_sql.COUNTS if getattr(load, name)}
        log.info(phrase, table=self._target.name, run=run, **counts)
