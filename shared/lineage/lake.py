"""What the buckets say of one run, each record read once; and which part holds a key, one part at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.aws.bucket import Bucket
from shared.columns import INTEGER, Column, Kind
from shared.errors import MissingObject
from shared.frames import Frame, Series
from shared.lake import keys, parquet
from shared.lake.documents import Part, RunRecord
from shared.lake.parts import get_verified
from shared.lake.run_log import RunLog, messages_of
from shared.lineage.answers import File, LoadAnswer, ManifestAnswer, Message, RunAnswer, utc
from shared.load.manifest_load import StoredManifest, get_manifest
from shared.warehouse.registry import Target


class Found(NamedTuple):
    """The rows of a part that have the key."""

    part: Part
    rows: Frame


class LineageLake:
    def __init__(self, ingestion: Bucket, processed: Bucket) -> None:
        self.ingestion, self.processed = ingestion, processed
        self.run_log = RunLog(ingestion)
        self.newest = self.run_log.newest()
        self._records: dict[int, RunRecord] = {}

    def lacks(self, log: str) -> str:
        """Empty when the buckets hold this log; else in words what is left of it."""
        if self.newest and self.newest.log == log:
            return ""
        held = f"hold log {self.newest.log}" if self.newest else "hold no run yet"
        return f"log {log} is gone with its buckets (these {held}): the ledger alone still has its runs and times"

    def record(self, run: int) -> RunRecord:
        """Return the record of the run. Raise MissingObject, BadDocument."""
        if run not in self._records:
            self._records[run] = self.run_log.get(run)
        return self._records[run]

    def run(self, number: int, heard: Sequence[str]) -> RunAnswer:
        """Return the run with its messages for the source tables in `heard`. Raise MissingObject, BadDocument."""
        record = self.record(number)
        key = keys.run_key(number)
        messages = [message for message in messages_of(record) if message.table in heard]
        return RunAnswer(
            log=record.log,
            run=number,
            key=key,
            cause=record.cause,
            attempt=record.attempt,
            code=record.code,
            snapshot_at=utc(record.snapshot.taken_at),
            xmin=record.snapshot.xmin,
            xmax=record.snapshot.xmax,
            committed_at=utc(self.ingestion.written_at(key)),
            published_at=self._published_at(number),
            messages=tuple(Message(log=it.log, run=it.run, table=it.table) for it in messages),
        )

    def _published_at(self, run: int) -> datetime | None:
        try:
            return utc(self.ingestion.written_at(keys.published_key(run)))
        except MissingObject:
            return None

    def written(self, target: Target, load: LoadAnswer) -> StoredManifest:
        """Return the stored manifest of the load. Raise MissingObject, BadDocument, Refused."""
        return get_manifest(self.processed, load.log, load.run, target.name)

    def manifest(self, written: StoredManifest, load: LoadAnswer) -> ManifestAnswer:
        """Return the manifest as an answer. Raise MissingObject."""
        made = written.manifest
        key = keys.manifest_key(made.run, made.table)
        return ManifestAnswer(
            key=key,
            sha256=written.sha256,
            as_loaded=written.sha256 == load.manifest_sha256,
            written_at=utc(self.processed.written_at(key)),
            mode=made.mode,
            rows=made.rows,
            quarantined=made.quarantined.rows if made.quarantined else 0,
            code=made.code,
            declaration=made.declaration,
        )


def found_in(
    bucket: Bucket,
    parts: Sequence[Part],
    columns: Sequence[Column],
    name: str,
    key: str,
    former: parquet.FormerDeclaration | None = None,
) -> Found | None:
    """Return the first part whose column `name` contains the key, with these columns of its rows.

    Raise MissingObject, Removed, CorruptObject, OtherDeclaration.
    """
    [kind] = [column.kind for column in columns if column.name == name]
    for part in parts:
        body = get_verified(bucket, part.key, part.sha256)
        frame = parquet.decode(body, columns, f"s3://{bucket.name}/{part.key}", former)
        rows = frame[_has(frame[name], kind, key)]
        if len(rows):
            return Found(part, rows.reset_index(drop=True))
    return None


def holder(bucket: Bucket, parts: Sequence[Part], column: Column, key: str) -> File | None:
    """Return the part that contains the key; raise as found_in."""
    found = found_in(bucket, parts, (column,), column.name, key)
    return File(key=found.part.key, rows=found.part.rows) if found else None


def _has(values: Series, kind: Kind, key: str) -> Series:
    """Return which values equal the key; numbers are compared as numbers, because a part can have a million."""
    has: Series = values == int(key) if kind == INTEGER else values.astype("str") == key
    return has.fillna(False).astype(bool)
