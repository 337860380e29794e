"""One manifest, or the rows of one that waited, into one warehouse table: one transaction each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared import log
from shared.aws.bucket import Bucket
from shared.errors import NotYet, PermanentError, Refused
from shared.lake import keys
from shared.lake.documents import RECONCILE, Manifest, decode
from shared.load import damage, ledger_sql, sql, waiting_sql
from shared.load.bookkeeping import LOADED, RELEASED
from shared.load.bounds import Bounds, together
from shared.load.fitting import Fitting
from shared.load.staging import Staging
from shared.load.warehouse import TableLoad, WarehouseSession
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class Written:
    """A manifest as it lies in the bucket."""

    manifest: Manifest
    sha256: str


def get_written(bucket: Bucket, log: str, run: int, table: str) -> Written:
    """Raises MissingObject, BadDocument, and Refused when it is another place's or another log's."""
    key = keys.manifest_key(run, table)
    body = bucket.get(key)
    manifest = decode(body, Manifest, key)
    if (manifest.log, manifest.run, manifest.table) != (log, run, table):
        raise Refused(f"{key} is of run {manifest.run} of log {manifest.log}, table {manifest.table}: not loaded")
    return Written(manifest, keys.content_hash(body))


class Loading:
    """What happens inside one transaction, which the caller begins and ends."""

    def __init__(
        self,
        warehouse: WarehouseSession,
        target: Target,
        log_id: str,
        run: int,
        snapshot_at: datetime,
        cause: str | None = None,
    ) -> None:
        self._warehouse, self._target, self._log = warehouse, target, log_id
        self._snapshot_at, self._cause = snapshot_at, cause
        self._place = {"table": target.name, "log": log_id, "run": run, "snapshot_at": snapshot_at}
        self._staging, self._fitting = Staging(warehouse, target), Fitting(warehouse, target)
        self._added = 0

    # ---- what each kind of table does with what is staged

    def apply(self, bucket: Bucket, manifest: Manifest, is_awaited: Callable[[str], bool]) -> TableLoad:
        """Raises NotYet when a dimension that `is_awaited` lacks what a fact names."""
        found = self._find_damage(bucket)
        staged = self._staging.stage(bucket, manifest)
        full = manifest.mode == "full"
        deleted = self._delete_absent() if full and self._target.kind != "set" else 0
        if deleted and self._is_reconcile:
            self._count(sql.name_deleted(self._target))
        self._count(sql.close_quarantine(self._target, full=full))
        waiting = self._set_aside(is_awaited)
        load = self._apply_staged(staged - waiting, named=self._is_reconcile and not found)
        if found:
            load = replace(load, inserted=found.inserted, updated=found.updated)
        refused = self._count(sql.OPEN_QUARANTINE)
        return replace(load, rows=manifest.rows, deleted=deleted, waiting=waiting, quarantined=refused)

    def _find_damage(self, bucket: Bucket) -> TableLoad | None:
        """What a reconcile finds to be otherwise than it was loaded last, mended and named; None of a table where all
        that differs from this manifest is damage.

        A reference table brings with its changes all the rest of it, so there the two must be told apart.
        """
        if not (self._is_reconcile and self._target.always_whole):
            return None
        [last] = self._warehouse.one(ledger_sql.LAST_BEFORE, **self._place)
        if last is None:
            return None
        self._run("SAVEPOINT damage")
        try:
            written = get_written(bucket, self._log, last, self._target.name)
            staged = self._staging.stage(bucket, written.manifest)
        except PermanentError as error:
            # What changed since is then called damage, too; to mend it is what matters.
            log.error("what was loaded last cannot be read", table=self._target.name, run=last, reason=str(error))
            self._run("ROLLBACK TO damage")
            return None
        found, _ = self._fit(staged, lambda: self._upsert(named=True))
        self._run(f"DROP TABLE {sql.STAGE}, {sql.REFUSED}")
        return found

    def release(self) -> TableLoad | None:
        """Apply what waited of this run and need wait no longer; None when there is nothing."""
        self._staging.begin()
        self._count(waiting_sql.stage_waiting())
        self._run(waiting_sql.unstage_lacking(self._target))
        self._staging.index(0)
        # First the versions go, then the deletions that stood behind them, which are of other keys in this run.
        rows = self._count(waiting_sql.remove_released(self._target))
        deleted = self._count(waiting_sql.release_deletions(self._target))
        load = self._apply_staged(rows, named=False)
        refused = self._count(sql.OPEN_QUARANTINE)
        return replace(load, rows=rows, deleted=deleted, quarantined=refused) if rows or deleted else None

    def _apply_staged(self, rows: int, *, named: bool) -> TableLoad:
        """`rows` are staged. What they change is `named`, or not. What the table does not take goes to the refused."""
        add = self._add_versions if self._target.kind == "fact" else self._upsert
        load, rows = self._fit(rows, lambda: add(named=named))
        if self._target.kind != "set":
            self._count(sql.end_deletions(self._target))
        return replace(load, unchanged=rows - load.inserted - load.updated)

    def _fit(self, rows: int, apply: Callable[[], TableLoad]) -> tuple[TableLoad, int]:
        """Return what `apply` does with the `rows` that are staged, and how many of them the table takes."""
        rows -= self._fitting.fit()
        load, refused = self._fitting.apply(rows, apply)
        # Each version of a fact is a row of its own.
        self._added += load.inserted + (load.updated if self._target.kind == "fact" else 0)
        return load, rows - refused

    @property
    def _is_reconcile(self) -> bool:
        return self._cause == RECONCILE

    def _upsert(self, *, named: bool) -> TableLoad:
        inserted, updated = self._warehouse.one(sql.upsert(self._target, named=named), **self._place)
        return TableLoad(inserted=inserted, updated=updated)

    def _add_versions(self, *, named: bool) -> TableLoad:
        before = self._warehouse.one(sql.last_record_id(self._target))[0]
        insert = sql.insert_first if before is None else sql.insert_versions
        made = self._count(insert(self._target))
        if not made:
            return TableLoad()
        # Nobody else adds records: the loader's lock is held.
        since = {"before": before or 0}
        if named:
            self._warehouse.run(sql.name_made(self._target), **self._place, **since)
        updated = self._warehouse.one(sql.count_further(self._target), **since)[0] if before else 0
        first, last, newest = self._warehouse.one(sql.made_since(self._target), **since)
        self._forget_former_records(first, is_first=before is None)
        return TableLoad(
            inserted=made - updated,
            updated=updated,
            first_record_id=first,
            last_record_id=last,
            newest_change_at=newest,
        )

    def _forget_former_records(self, first: int, *, is_first: bool) -> None:
        """Where ids from `first` on were given out before, ledger and deletions no longer speak of those records.

        Without that, a living key would be shown as deleted because of what another record of this id once was.
        """
        [last] = self._warehouse.one(ledger_sql.LAST_RECORD, **self._place)
        is_again = last is not None and first <= last
        if is_again:
            self._warehouse.run(ledger_sql.FORGET_RECORDS, **self._place, first=first)
        # Of an emptied table the ledger may have been emptied as well.
        if is_again or is_first:
            self._warehouse.run(ledger_sql.FORGET_LAST_RECORDS, **self._place, first=first)

    def _delete_absent(self) -> int:
        if self._target.kind == "fact":
            self._count(waiting_sql.queue_deletions(self._target))
        return self._count(sql.delete_absent(self._target))

    def _set_aside(self, is_awaited: Callable[[str], bool]) -> int:
        """The number of rows that begin to wait for a dimension, or behind one that does."""
        lacking = self._lacking_dimensions()
        awaited = sorted(dimension for dimension in lacking if is_awaited(dimension))
        if awaited:
            raise NotYet(f"{self._target.name}: {', '.join(awaited)} must come first")
        if not lacking and not self._warehouse.one(waiting_sql.is_any_waiting(), table=self._target.name)[0]:
            return 0
        self._count(waiting_sql.unstage_repeated(self._target))
        return self._count(waiting_sql.set_aside(self._target))

    def _lacking_dimensions(self) -> set[str]:
        references = self._target.references
        if not references:
            return set()
        lacks = self._warehouse.one(waiting_sql.missing_references(self._target))
        return {references[column][0] for column, lack in zip(references, lacks, strict=True) if lack}

    # ---- the ledger

    def count_rows(self, *, whole: bool) -> None:
        """Keep how many rows there are now, at the end of the transaction. `whole`: this load has compared the table
        with all that it should hold."""
        damage.note_load(self._warehouse, self._target, self._added, whole=whole)

    def enter(self, written: Written, load: TableLoad, attempt: str, bounds: Bounds) -> None:
        """`attempt` is of the run's record, and `bounds` are the run's own; a full batch stands also for the runs that
        it has superseded."""
        manifest, target = written.manifest, self._target
        if target.kind == "fact" and self._warehouse.last_runs(self._log).get(target.name) == manifest.run:
            load = self._with_its_records(load)
        if manifest.mode == "full":
            bounds = together([bounds, *self._bounds(ledger_sql.SUPERSEDED_BOUNDS)])
        self._enter(load, 0, LOADED, written.sha256, manifest.mode, bounds, attempt)
        # A set takes its runs in any order, so none of them is its last.
        if target.kind != "set":
            self._warehouse.run(ledger_sql.TOOK, **self._place)

    def enter_release(self, load: TableLoad) -> None:
        last, sha256 = self._warehouse.one(ledger_sql.LAST_LOAD, **self._place)
        # The rows were read by the run, however long they waited.
        self._enter(load, last + 1, RELEASED, sha256, "delta", together(self._bounds(ledger_sql.BOUNDS)))

    def _bounds(self, statement: str) -> list[Bounds]:
        return [Bounds(*row) for row in self._warehouse.run(statement, **self._place)]

    def _enter(
        self,
        load: TableLoad,
        load_no: int,
        status: str,
        sha256: str,
        mode: str,
        bounds: Bounds,
        attempt: str | None = None,
    ) -> None:
        self._warehouse.enter(
            load,
            log_id=self._log,
            table_name=self._target.name,
            run=self._place["run"],
            load_no=load_no,
            status=status,
            manifest_sha256=sha256,
            attempt=attempt,
            mode=mode,
            cause=self._cause,
            snapshot_at=self._snapshot_at,
        )
        fresh = {"load_no": load_no, "newest_change_at": load.newest_change_at, **bounds._asdict()}
        self._warehouse.run(ledger_sql.INSERT_FRESHNESS, **self._place, **fresh)

    def _with_its_records(self, load: TableLoad) -> TableLoad:
        """Of a run that was loaded before, and whose ledger row was deleted by hand: the records that no row speaks of
        are its own. Without that, the history would not know from when on they were valid."""
        [last] = self._warehouse.one(ledger_sql.LAST_RECORD, **self._place)
        if last is None:
            return load
        first, newest, _ = self._warehouse.one(sql.made_since(self._target), before=last)
        return replace(load, first_record_id=first, last_record_id=newest)

    def _run(self, statement: str) -> None:
        self._warehouse.run(statement)

    def _count(self, statement: str) -> int:
        return self._warehouse.count(statement, **self._place)
