"""A manifest's rows, copied into temporary tables: those to load, and those that are refused."""

from functools import partial

from shared.aws.bucket import Bucket
from shared.columns import Column
from shared.errors import CorruptObject, ServiceRefused
from shared.frames import Frame
from shared.lake import parquet
from shared.lake.documents import Manifest, Part, Quarantined
from shared.lake.parts import get_verified
from shared.ledger.stage import REJECTED, REJECTED_COLUMNS, STAGE
from shared.load import encodings, fitting_sql, sql
from shared.load.session import WarehouseSession
from shared.postgres.encoding import encode
from shared.warehouse.registry import Target

# With fewer rows the planner's guess is good enough; ANALYZE takes some milliseconds.
ANALYZE_FROM_ROWS = 1000
UNIQUE_VIOLATION, NOT_NULL_VIOLATION = "23505", "23502"


def former_of(target: Target, manifest: Manifest) -> parquet.FormerDeclaration | None:
    """Return the schema under which the manifest's parts were written, None when it is today's."""
    if manifest.declaration == target.fingerprint:
        return None
    declaration = f"declaration {manifest.declaration} of {target.name}"
    return parquet.FormerDeclaration(declaration, f"resync {', '.join(target.sources)}")


class Staging:
    def __init__(self, warehouse: WarehouseSession, target: Target) -> None:
        self._warehouse, self._target = warehouse, target

    def begin(self) -> None:
        self._warehouse.run(sql.create_stage(STAGE, self._target.columns))
        self._warehouse.run(sql.create_stage(REJECTED, REJECTED_COLUMNS))

    def stage(self, bucket: Bucket, manifest: Manifest) -> int:
        """Stage the manifest's rows, and return their number. Raise CorruptObject when they are not what the
        manifest says."""
        self.begin()
        former = former_of(self._target, manifest)
        staged = sum(self._copy(bucket, part, former) for part in manifest.parts)
        if sum(part.rows for part in manifest.parts) != manifest.rows:
            raise CorruptObject(f"manifest of {manifest.table}, run {manifest.run}", "its parts' rows are not its rows")
        self.index(manifest.rows)
        if manifest.quarantined:
            self._copy_refused(bucket, manifest.quarantined)
        return staged

    def _copy(self, bucket: Bucket, part: Part, former: parquet.FormerDeclaration | None) -> int:
        """Copy a part into the stage, and return its rows less those that the warehouse's encoding cannot hold."""
        columns = self._target.columns
        frame = self._read(bucket, part, columns, former)
        if self._warehouse.codec:
            reasons = encodings.refusals(frame, columns, self._warehouse.codec)
            for key, reason in zip(frame.loc[reasons.index, self._target.key], reasons, strict=True):
                self._warehouse.run(
                    fitting_sql.REFUSE, key=encodings.spelled(str(key), self._warehouse.codec), reason=reason
                )
            frame = frame.drop(reasons.index)
        self._warehouse.copy(sql.copy_stage(STAGE, columns), encode(frame, columns))
        return len(frame)

    def _copy_refused(self, bucket: Bucket, refused: Quarantined) -> None:
        columns = REJECTED_COLUMNS
        frame = self._read(bucket, refused, columns)
        codec = self._warehouse.codec
        spelled = frame.map(partial(encodings.spelled, codec=codec), na_action="ignore") if codec else frame
        self._warehouse.copy(sql.copy_stage(REJECTED, columns), encode(spelled, columns))

    def _read(
        self,
        bucket: Bucket,
        part: Part | Quarantined,
        columns: tuple[Column, ...],
        former: parquet.FormerDeclaration | None = None,
    ) -> Frame:
        """Read a part whole: an error in the middle of COPY would cost the connection."""
        frame = parquet.decode(get_verified(bucket, part.key, part.sha256), columns, part.key, former)
        if len(frame) != part.rows:
            raise CorruptObject(part.key, f"it has {len(frame)} rows, its manifest says {part.rows}")
        return frame

    def index(self, rows: int) -> None:
        try:
            self._warehouse.run(sql.key_stage(self._target))
        except ServiceRefused as error:
            if error.cause in (UNIQUE_VIOLATION, NOT_NULL_VIOLATION):
                raise CorruptObject(f"the batch of {self._target.name}", "a key is null, or there twice") from error
            raise
        if rows >= ANALYZE_FROM_ROWS:
            self._warehouse.run(f"ANALYZE {STAGE}")
