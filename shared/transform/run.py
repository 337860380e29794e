"""Transform one run for one warehouse table: write its parts, then its quarantine and, last, its manifest.

Nothing here depends on a clock or on chance: the same run and code make the same bytes under the same keys, so a
transform can be killed anywhere and repeated.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd

from shared.aws.bucket import Bucket
from shared.columns import UNREADABLE
from shared.errors import CorruptObject, LogWentBack, MissingObject
from shared.frames import Frame, empty_frame
from shared.lake import keys, parquet
from shared.lake.documents import Manifest, Mode, Part, Quarantined, RunRecord
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.transform.inputs import Input, frames_of, inputs_of, whole_frame
from shared.transform.validation import QUARANTINE_COLUMNS, Validated, concatenated, has_lost, reject_repeated, validate
from shared.warehouse.registry import Target

Store = Callable[[str, bytes], None]
"""Writes bytes under a key of the processed bucket."""

TransformOutcome = Literal["made", "exists", "not_expected"]
"""The manifest was made now, or existed already; or the run brings nothing for this table."""


@dataclass(frozen=True)
class TransformResult:
    """What a transform of one run did. `rows` and `quarantined` are those of the manifest."""

    run: int
    table: str
    outcome: TransformOutcome
    rows: int = 0
    quarantined: int = 0


def transform_run(
    target: Target,
    run: int,
    *,
    run_log: RunLog,
    ingestion: Bucket,
    processed: Bucket,
    manifests: Manifests,
    code: str,
) -> TransformResult:
    """Make the manifest of `target` and `run` unless it exists. Raises only errors of shared.errors."""
    record = run_log.get(run)
    if target.name not in record.targets:
        return TransformResult(run, target.name, "not_expected")
    if existing := existing_manifest(manifests, target, record):
        return _result(existing, "exists")
    manifest = manifest_of(target, record, run_log, ingestion, partial(_create, processed), code)
    if manifests.create(manifest):
        return _result(manifest, "made")
    # Another version of the code was faster; what it wrote may be loaded already.
    return _result(existing_manifest(manifests, target, record) or manifest, "exists")


def manifest_of(
    target: Target, record: RunRecord, run_log: RunLog, ingestion: Bucket, store: Store, code: str
) -> Manifest:
    """Return the manifest after `store` has received all objects that it names."""
    inputs = inputs_of(target, record, run_log)
    parts: list[Part] = []
    quarantines: list[Frame] = []
    for good, quarantined in _outputs(target, inputs, ingestion):
        quarantines.append(quarantined)
        if len(good):
            parts.append(_part(target, record, len(parts), good, store))
    return Manifest(
        version=1,
        log=record.log,
        run=record.run,
        table=target.name,
        mode=_mode(target, inputs),
        snapshot_at=record.snapshot.taken_at,
        parts=tuple(parts),
        rows=sum(part.rows for part in parts),
        sources={given.source: given.run for given in inputs},
        quarantined=_quarantine(target, record, quarantines, store),
        code=code,
        declaration=target.fingerprint,
        attempt=record.attempt,
    )


def existing_manifest(manifests: Manifests, target: Target, record: RunRecord) -> Manifest | None:
    """Return the run's manifest, None if it does not exist. Raises LogWentBack when it was made of another record."""
    try:
        manifest = manifests.get(record.run, target.name)
    except MissingObject:
        return None
    if not manifest.is_of(record):
        key = keys.manifest_key(record.run, target.name)
        raise LogWentBack(f"{key} was made of another record of run {record.run}")
    return manifest


def _result(manifest: Manifest, outcome: TransformOutcome) -> TransformResult:
    quarantined = manifest.quarantined.rows if manifest.quarantined else 0
    return TransformResult(manifest.run, manifest.table, outcome, manifest.rows, quarantined)


def _mode(target: Target, inputs: list[Input]) -> Mode:
    """Return the batch's mode; a calendar dimension only grows, so its manifest is always a delta."""
    return "delta" if target.kind == "calendar" else inputs[0].batch.mode


def _outputs(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Validated]:
    """Yield the output of each part; no key is repeated."""
    if target.kind == "calendar":
        return _distinct(target, inputs, ingestion)
    return _grouped(target, inputs, ingestion) if target.grouped else _row_by_row(target, inputs, ingestion)


def _grouped(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Validated]:
    """Yield one output: rows of one group can be in several parts."""
    made = target.transform(*(whole_frame(given, ingestion) for given in inputs))
    yield reject_repeated(validate(made, target), target)


def _row_by_row(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Validated]:
    first, *others = inputs
    joined = [_readable(whole_frame(given, ingestion), target, given.source) for given in others]
    seen = empty_frame(target.columns)[target.key]
    for frame in frames_of(first, ingestion):
        validated = validate(target.transform(frame, *joined), target, frame[UNREADABLE])
        validated = reject_repeated(validated, target, seen)
        seen = pd.concat([seen, validated.good[target.key]])
        yield validated


def _readable(frame: Frame, target: Target, source: str) -> Frame:
    """Return the rows that can be joined; a row joined to one of the others is rejected as if that did not exist."""
    return frame[~has_lost(frame[UNREADABLE], target, source)]


def _distinct(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Validated]:
    """Yield one output: the distinct rows of all parts, sorted by key."""
    found = [
        validate(target.transform(**{given.source: frame}), target).good
        for given in inputs
        for frame in frames_of(given, ingestion)
    ]
    if found:
        rows = concatenated(found).drop_duplicates(target.key).sort_values(target.key, ignore_index=True)
        yield validate(rows, target)


def _part(target: Target, record: RunRecord, number: int, rows: Frame, store: Store) -> Part:
    body = parquet.encode(rows, target.columns)
    sha256 = keys.content_hash(body)
    key = keys.table_part_key(target.name, record.snapshot.taken_at, record.run, number, sha256)
    store(key, body)
    return Part(key=key, sha256=sha256, rows=len(rows), bytes=len(body))


def _quarantine(target: Target, record: RunRecord, found: list[Frame], store: Store) -> Quarantined | None:
    if not any(len(rows) for rows in found):
        return None
    rows = concatenated(found)
    body = parquet.encode(rows, QUARANTINE_COLUMNS)
    sha256 = keys.content_hash(body)
    key = keys.quarantine_key(target.name, record.run, sha256)
    store(key, body)
    return Quarantined(key=key, sha256=sha256, rows=len(rows))


def _create(bucket: Bucket, key: str, body: bytes) -> None:
    """Create an object. Its key carries the content's hash, so other bytes under it are damage: CorruptObject."""
    if not bucket.create(key, body):
        raise CorruptObject(f"s3://{bucket.name}/{key}", "its bytes do not have the hash that is in its key")
