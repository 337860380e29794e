"""Load one manifest, or rows of one that waited, into one warehouse table: one transaction each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared import log
from shared.aws.bucket import Bucket
from shared.errors import NotYet, PermanentError, Refused
from shared.lake import keys
from shared.lake.documents import RECONCILE, Manifest, decode
from shared.ledger import deletions, differences, entries, ledger, quarantine, waiting
from shared.ledger.counts import record_counts
from shared.ledger.ledger import TableLoad
from shared.ledger.stage import REJECTED, STAGE
from shared.ledger.tables import LOADED, RELEASED
from shared.load import sql
from shared.load.bounds import Bounds, together
from shared.load.fitting import Fitting
from shared.load.session import WarehouseSession
from shared.load.staging import Staging
from shared.warehouse.registry import Target


@dataclass(frozen=True)
class StoredManifest:
    """A manifest and the SHA-256 of its bytes in the bucket."""

    manifest: Manifest
    sha256: str


def get_manifest(bucket: Bucket, log: str, run: int, table: str) -> StoredManifest:
    """Return the table's manifest of the run. Raise MissingObject, BadDocument, or Refused if it is another run's."""
    key = keys.manifest_key(run, table)
    body = bucket.get(key)
    manifest = decode(body, Manifest, key)
    if (manifest.log, manifest.run, manifest.table) != (log, run, table):
        raise Refused(f"{key} is of run {manifest.run} of log {manifest.log}, table {manifest.table}: not loaded")
    return StoredManifest(manifest, keys.content_hash(body))


class ManifestLoad:
    """The statements of one transaction, which the caller begins and ends, for one run of one table."""

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

    def apply(self, bucket: Bucket, manifest: Manifest, is_awaited: Callable[[str], bool]) -> TableLoad:
        """Stage and apply the manifest's rows. Raise NotYet when a row waits for a dimension that `is_awaited`."""
        found = self._find_damage(bucket)
        staged = self._staging.stage(bucket, manifest)
        full = manifest.mode == "full"
        deleted = self._delete_absent() if full and self._target.kind != "calendar" else 0
        if deleted and self._is_reconcile:
            self._count(differences.name_deleted(self._target))
        self._count(quarantine.close_quarantine(self._target, full=full))
        held = self._keep_waiting(is_awaited)
        load = self._apply_staged(staged - held, named=self._is_reconcile and not found)
        if found:
            load = replace(load, inserted=found.inserted, updated=found.updated)
        rejected = self._count(quarantine.OPEN_QUARANTINE)
        return replace(load, rows=manifest.rows, deleted=deleted, waiting=held, quarantined=rejected)

    def _find_damage(self, bucket: Bucket) -> TableLoad | None:
        """Repair and name what differs from the manifest that was loaded last, and return the counts.

        Return None where everything that differs from the present manifest is damage. Only a reference table comes
        whole with its changes, so that damage must be separated from changes.
        """
        if not (self._is_reconcile and self._target.always_whole):
            return None
        [last] = self._warehouse.one(entries.LAST_BEFORE, **self._place)
        if last is None:
            return None
        self._run("SAVEPOINT damage")
        try:
            stored = get_manifest(bucket, self._log, last, self._target.name)
            staged = self._staging.stage(bucket, stored.manifest)
        except PermanentError as error:
            # Then changes since count as damage, too; that everything is repaired matters more.
            log.error("manifest loaded last cannot be read", table=self._target.name, run=last, reason=str(error))
            self._run("ROLLBACK TO damage")
            return None
        found, _ = self._fit(staged, lambda: self._upsert(named=True))
        self._run(f"DROP TABLE {STAGE}, {REJECTED}")
        return found

    def release(self) -> TableLoad | None:
        """Apply rows of this run that waited and no longer need to; return None when there are none."""
        self._staging.begin()
        self._count(waiting.stage_waiting())
        self._run(waiting.unstage_lacking(self._target))
        self._staging.index(0)
        # First the versions, then the deletions that stood behind them, which are of other keys in this run.
        rows = self._count(waiting.remove_released(self._target))
        deleted = self._count(waiting.release_deletions(self._target))
        load = self._apply_staged(rows, named=False)
        rejected = self._count(quarantine.OPEN_QUARANTINE)
        return replace(load, rows=rows, deleted=deleted, quarantined=rejected) if rows or deleted else None

    def _apply_staged(self, rows: int, *, named: bool) -> TableLoad:
        """Apply the `rows` that are staged; what they change is `named` in etl_difference, or not."""
        add = self._add_versions if self._target.kind == "fact" else self._upsert
        load, rows = self._fit(rows, lambda: add(named=named))
        if self._target.kind != "calendar":
            self._count(deletions.end_deletions(self._target))
        return replace(load, unchanged=rows - load.inserted - load.updated)

    def _fit(self, rows: int, apply: Callable[[], TableLoad]) -> tuple[TableLoad, int]:
        """Return what `apply` does with the `rows` that are staged, and how many of them the table accepts."""
        rows -= self._fitting.fit()
        load, rejected = self._fitting.apply(rows, apply)
        # Each version of a fact is a row of its own.
        self._added += load.inserted + (load.updated if self._target.kind == "fact" else 0)
        return load, rows - rejected

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
            self._warehouse.run(differences.name_made(self._target), **self._place, **since)
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
        """Remove record ids from `first` on from ledger and deletions where they named former records.

        Otherwise a key would be shown as deleted because of what another record of this id once was.
        """
        [last] = self._warehouse.one(entries.LAST_RECORD, **self._place)
        is_reused = last is not None and first <= last
        if is_reused:
            self._warehouse.run(entries.FORGET_RECORDS, **self._place, first=first)
        # The ledger of an emptied table may have been emptied as well.
        if is_reused or is_first:
            self._warehouse.run(entries.FORGET_LAST_RECORDS, **self._place, first=first)

    def _delete_absent(self) -> int:
        if self._target.kind == "fact":
            self._count(waiting.queue_deletions(self._target))
        return self._count(deletions.delete_absent(self._target))

    def _keep_waiting(self, is_awaited: Callable[[str], bool]) -> int:
        """Return the number of rows that begin to wait for a dimension, or behind a version that does."""
        lacking = self._lacking_dimensions()
        awaited = sorted(dimension for dimension in lacking if is_awaited(dimension))
        if awaited:
            raise NotYet(f"{self._target.name}: {', '.join(awaited)} must come first")
        if not lacking and not self._warehouse.one(waiting.is_any_waiting(), table=self._target.name)[0]:
            return 0
        self._count(waiting.unstage_repeated(self._target))
        return self._count(waiting.keep_waiting(self._target))

    def _lacking_dimensions(self) -> set[str]:
        references = self._target.references
        if not references:
            return set()
        lacks = self._warehouse.one(waiting.missing_references(self._target))
        return {references[column][0] for column, lack in zip(references, lacks, strict=True) if lack}

    def count_rows(self, *, whole: bool) -> None:
        """Record how many rows there are now, at the end of the transaction. `whole`: this load has compared the table
        with everything that it should contain."""
        record_counts(self._warehouse, self._target, self._added, whole=whole)

    def enter(self, stored: StoredManifest, load: TableLoad, attempt: str, bounds: Bounds) -> None:
        """Enter the load in the ledger. `attempt` is the run record's and `bounds` are the run's own; a full batch also
        stands for the runs that it has superseded."""
        manifest, target = stored.manifest, self._target
        if target.kind == "fact" and ledger.last_runs(self._warehouse, self._log).get(target.name) == manifest.run:
            load = self._with_its_records(load)
        if manifest.mode == "full":
            bounds = together([bounds, *self._bounds(entries.SUPERSEDED_BOUNDS)])
        self._enter(load, 0, LOADED, stored.sha256, manifest.mode, bounds, attempt)
        # A calendar dimension applies its runs in any order, so none of them is its last.
        if target.kind != "calendar":
            self._warehouse.run(entries.NOTE_LAST_RUN, **self._place)

    def enter_release(self, load: TableLoad) -> None:
        last, sha256 = self._warehouse.one(entries.LAST_LOAD, **self._place)
        # The rows were read by the run, however long they waited.
        self._enter(load, last + 1, RELEASED, sha256, "delta", together(self._bounds(entries.BOUNDS)))

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
        ledger.enter(
            self._warehouse,
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
        self._warehouse.run(entries.INSERT_FRESHNESS, **self._place, **fresh)

    def _with_its_records(self, load: TableLoad) -> TableLoad:
        """Return the load of a run that was loaded before, and whose ledger row was deleted by hand, with its records:
        those that no row names. Otherwise the history would not know from when on they were valid."""
        [last] = self._warehouse.one(entries.LAST_RECORD, **self._place)
        if last is None:
            return load
        first, newest, _ = self._warehouse.one(sql.made_since(self._target), before=last)
        return replace(load, first_record_id=first, last_record_id=newest)

    def _run(self, statement: str) -> None:
        self._warehouse.run(statement)

    def _count(self, statement: str) -> int:
        return self._warehouse.count(statement, **self._place)
