"""One manifest, or the rows of one that waited, into one warehouse table: one transaction each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared import log
from shared.aws.bucket import Bucket, get_verified
from shared.columns import Column
from shared.errors import CorruptObject, NotYet, PermanentError, Refused, ServiceRefused
from shared.lake import keys, parquet
from shared.lake.documents import RECONCILE, Manifest, Part, Quarantined, decode
from shared.load import damage, ledger_sql, sql, waiting_sql
from shared.load.bookkeeping import LOADED, RELEASED
from shared.load.warehouse import Load, Warehouse
from shared.postgres.encoding import encode
from shared.warehouse.registry import Target

# With fewer rows the planner's guess is good enough; ANALYZE takes some milliseconds.
ANALYZE_FROM_ROWS = 1000
UNIQUE_VIOLATION, NOT_NULL_VIOLATION = "23505", "23502"


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


def former_of(target: Target, manifest: Manifest) -> parquet.Former | None:
    """The declaration that the manifest's parts were written under, when it is not today's."""
    if manifest.declaration == target.fingerprint:
        return None
    declaration = f"declaration {manifest.declaration} of {target.name}"
    return parquet.Former(declaration, f"resync {', '.join(target.sources)}")


class Loading:
    """What happens inside one transaction, which the caller begins and ends."""

    def __init__(
        self,
        warehouse: Warehouse,
        target: Target,
        log_id: str,
        run: int,
        snapshot_at: datetime,
        cause: str | None = None,
    ) -> None:
        self._warehouse, self._target, self._log = warehouse, target, log_id
        self._snapshot_at, self._cause = snapshot_at, cause
        self._place = {"table": target.name, "log": log_id, "run": run, "snapshot_at": snapshot_at}
        self._added = 0

    # ---- staging

    def _stage(self, bucket: Bucket, manifest: Manifest) -> None:
        self._run(sql.create_stage(sql.STAGE, self._target.columns))
        former = former_of(self._target, manifest)
        for part in manifest.parts:
            self._copy(bucket, part, sql.STAGE, self._target.columns, former)
        if sum(part.rows for part in manifest.parts) != manifest.rows:
            raise CorruptObject(f"manifest of {manifest.table}, run {manifest.run}", "its parts' rows are not its rows")
        self._index_stage(manifest.rows)
        self._stage_refused(bucket, manifest.quarantined)

    def _copy(
        self,
        bucket: Bucket,
        part: Part | Quarantined,
        stage: str,
        columns: tuple[Column, ...],
        former: parquet.Former | None = None,
    ) -> None:
        """A part is read whole before COPY begins: an error in its midst would cost the connection."""
        frame = parquet.decode(get_verified(bucket, part.key, part.sha256), columns, part.key, former)
        if len(frame) != part.rows:
            raise CorruptObject(part.key, f"it has {len(frame)} rows, its manifest says {part.rows}")
        self._warehouse.copy(sql.copy_stage(stage, columns), encode(frame, columns))

    def _index_stage(self, rows: int) -> None:
        try:
            self._run(sql.key_stage(self._target))
        except ServiceRefused as error:
            if error.cause in (UNIQUE_VIOLATION, NOT_NULL_VIOLATION):
                raise CorruptObject(f"the batch of {self._target.name}", "a key is null, or there twice") from error
            raise
        if rows >= ANALYZE_FROM_ROWS:
            self._run(f"ANALYZE {sql.STAGE}")

    def _stage_refused(self, bucket: Bucket, refused: Quarantined | None) -> None:
        self._run(sql.create_stage(sql.REFUSED, sql.REFUSED_COLUMNS))
        if refused:
            self._copy(bucket, refused, sql.REFUSED, sql.REFUSED_COLUMNS)

    # ---- what each kind of table does with what is staged

    def apply(self, bucket: Bucket, manifest: Manifest, is_awaited: Callable[[str], bool]) -> Load:
        """Raises NotYet when a dimension that `is_awaited` lacks what a fact names."""
        found = self._find_damage(bucket)
        self._stage(bucket, manifest)
        full = manifest.mode == "full"
        deleted = self._delete_absent() if full and self._target.kind != "set" else 0
        if deleted and self._is_reconcile:
            self._count(sql.name_deleted(self._target))
        refused = self._quarantine(full)
        waiting = self._set_aside(is_awaited)
        load = self._apply_staged(manifest.rows - waiting, named=self._is_reconcile and not found)
        if found:
            load = replace(load, inserted=found.inserted, updated=found.updated)
        return replace(load, rows=manifest.rows, deleted=deleted, waiting=waiting, quarantined=refused)

    def _find_damage(self, bucket: Bucket) -> Load | None:
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
            self._stage(bucket, get_written(bucket, self._log, last, self._target.name).manifest)
        except PermanentError as error:
            # What changed since is then called damage, too; to mend it is what matters.
            log.error("what was loaded last cannot be read", table=self._target.name, run=last, reason=str(error))
            self._run("ROLLBACK TO damage")
            return None
        found = self._upsert(named=True)
        self._run(f"DROP TABLE {sql.STAGE}, {sql.REFUSED}")
        return found

    def release(self) -> Load | None:
        """Apply what waited of this run and need wait no longer; None when there is nothing."""
        self._run(sql.create_stage(sql.STAGE, self._target.columns))
        self._count(waiting_sql.stage_waiting())
        self._run(waiting_sql.unstage_lacking(self._target))
        self._index_stage(0)
        # First the versions go, then the deletions that stood behind them, which are of other keys in this run.
        rows = self._count(waiting_sql.remove_released(self._target))
        deleted = self._count(waiting_sql.release_deletions(self._target))
        load = self._apply_staged(rows, named=False)
        return replace(load, rows=rows, deleted=deleted) if rows or deleted else None

    def _apply_staged(self, rows: int, *, named: bool) -> Load:
        """`rows` are staged. What they change is `named`, or not."""
        load = self._add_versions(named) if self._target.kind == "fact" else self._upsert(named=named)
        if self._target.kind != "set":
            self._count(sql.end_deletions(self._target))
        return replace(load, unchanged=rows - load.inserted - load.updated)

    @property
    def _is_reconcile(self) -> bool:
        return self._cause == RECONCILE

    def _upsert(self, *, named: bool) -> Load:
        inserted, updated = self._warehouse.one(sql.upsert(self._target, named=named), **self._place)
        self._added += inserted
        return Load(inserted=inserted, updated=updated)

    def _add_versions(self, named: bool) -> Load:
        before = self._warehouse.one(sql.last_record_id(self._target))[0]
        insert = sql.insert_first if before is None else sql.insert_versions
        made = self._count(insert(self._target))
        self._added += made
        if not made:
            return Load()
        # Nobody else adds records: the loader's lock is held.
        since = {"before": before or 0}
        if named:
            self._warehouse.run(sql.name_made(self._target), **self._place, **since)
        updated = self._warehouse.one(sql.count_further(self._target), **since)[0] if before else 0
        first, last, newest = self._warehouse.one(sql.made_since(self._target), **since)
        return Load(
            inserted=made - updated,
            updated=updated,
            first_record_id=first,
            last_record_id=last,
            newest_change_at=newest,
        )

    def _delete_absent(self) -> int:
        if self._target.kind == "fact":
            self._count(waiting_sql.queue_deletions(self._target))
        return self._count(sql.delete_absent(self._target))

    def _set_aside(self, is_awaited: Callable[[str], bool]) -> int:
        """The number of rows that wait for a dimension, or behind one that does."""
        lacking = self._lacking_dimensions()
        awaited = sorted(dimension for dimension in lacking if is_awaited(dimension))
        if awaited:
            raise NotYet(f"{self._target.name}: {', '.join(awaited)} must come first")
        if not lacking and not self._warehouse.one(waiting_sql.is_any_waiting(), table=self._target.name)[0]:
            return 0
        return self._count(waiting_sql.set_aside(self._target))

    def _lacking_dimensions(self) -> set[str]:
        references = self._target.references
        if not references:
            return set()
        lacks = self._warehouse.one(waiting_sql.missing_references(self._target))
        return {references[column][0] for column, lack in zip(references, lacks, strict=True) if lack}

    def _quarantine(self, full: bool) -> int:
        self._count(sql.close_quarantine(self._target, full=full))
        return self._count(sql.OPEN_QUARANTINE)

    # ---- the ledger

    def count_rows(self, *, whole: bool) -> None:
        """Keep how many rows there are now, at the end of the transaction. `whole`: this load has compared the table
        with all that it should hold."""
        if whole:
            self._run_for_table(damage.note_whole(self._target))
        else:
            self._run_for_table(damage.NOTE_ADDED, added=self._added)

    def _run_for_table(self, statement: str, **params: object) -> None:
        self._warehouse.run(statement, table=self._target.name, **params)

    def enter(self, written: Written, load: Load) -> None:
        manifest = written.manifest
        self._enter(load, 0, LOADED, written.sha256, manifest.mode)

    def enter_release(self, load: Load) -> None:
        last, sha256 = self._warehouse.one(ledger_sql.LAST_LOAD, **self._place)
        self._enter(load, last + 1, RELEASED, sha256, "delta")

    def _enter(self, load: Load, load_no: int, status: str, sha256: str, mode: str) -> None:
        self._warehouse.enter(
            load,
            log_id=self._log,
            table_name=self._target.name,
            run=self._place["run"],
            load_no=load_no,
            status=status,
            manifest_sha256=sha256,
            mode=mode,
            cause=self._cause,
            snapshot_at=self._snapshot_at,
        )
        fresh = {"load_no": load_no, "newest_change_at": load.newest_change_at}
        self._warehouse.run(ledger_sql.INSERT_FRESHNESS, **self._place, **fresh)

    def _run(self, statement: str) -> None:
        self._warehouse.run(statement)

    def _count(self, statement: str) -> int:
        return self._warehouse.count(statement, **self._place)
