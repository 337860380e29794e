"""One run for one warehouse table: parts, then quarantine, then, last of all, the manifest.

No clock and no chance: the same run and code make the same bytes under the same keys, so this may be killed
anywhere and done again.
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
from shared.transform.acceptance import QUARANTINE_COLUMNS, Accepted, accept, concatenated, has_lost, refuse_repeated
from shared.transform.inputs import Input, frames_of, inputs_of, whole_frame
from shared.warehouse.registry import Target

Store = Callable[[str, bytes], None]
"""Keeps bytes under a key of the processed bucket."""


@dataclass(frozen=True)
class TransformResult:
    """`phrase` says what was done: the manifest made now or found standing has `rows` and `quarantined`."""

    run: int
    table: str
    phrase: Literal["table was transformed", "table was transformed before", "table is not expected of this run"]
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
    """See to it that the manifest of `target` and `run` is there. Raises only errors of shared.errors."""
    record = run_log.get(run)
    if target.name not in record.targets:
        return TransformResult(run, target.name, "table is not expected of this run")
    if standing := standing_manifest(manifests, target, record):
        return _outcome(standing, "table was transformed before")
    manifest = manifest_of(target, record, run_log, ingestion, partial(_create, processed), code)
    if manifests.create(manifest):
        return _outcome(manifest, "table was transformed")
    # Another code version was quicker; what it wrote may be loaded already.
    return _outcome(standing_manifest(manifests, target, record) or manifest, "table was transformed before")


def manifest_of(
    target: Target, record: RunRecord, run_log: RunLog, ingestion: Bucket, store: Store, code: str
) -> Manifest:
    """The manifest, after `store` was given all that it names."""
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


def standing_manifest(manifests: Manifests, target: Target, record: RunRecord) -> Manifest | None:
    """None when there is none yet. LogWentBack when it was made of another record of this number."""
    try:
        manifest = manifests.get(record.run, target.name)
    except MissingObject:
        return None
    if not manifest.is_of(record):
        key = keys.manifest_key(record.run, target.name)
        raise LogWentBack(f"{key} was made of another record of run {record.run}")
    return manifest


def _outcome(
    manifest: Manifest, phrase: Literal["table was transformed", "table was transformed before"]
) -> TransformResult:
    quarantined = manifest.quarantined.rows if manifest.quarantined else 0
    return TransformResult(manifest.run, manifest.table, phrase, manifest.rows, quarantined)


def _mode(target: Target, inputs: list[Input]) -> Mode:
    """A set only grows: what one batch lacks another may have, so it is never a full one."""
    return "delta" if target.kind == "set" else inputs[0].batch.mode


def _outputs(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Accepted]:
    """The output of each part in turn; no key comes twice."""
    if target.kind == "set":
        return _distinct(target, inputs, ingestion)
    return _grouped(target, inputs, ingestion) if target.grouped else _row_by_row(target, inputs, ingestion)


def _grouped(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Accepted]:
    """One output: what belongs together may lie in several parts."""
    made = target.transform(*(whole_frame(given, ingestion) for given in inputs))
    yield refuse_repeated(accept(made, target), target)


def _row_by_row(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Accepted]:
    first, *others = inputs
    joined = [_readable(whole_frame(given, ingestion), target, given.source) for given in others]
    seen = empty_frame(target.columns)[target.key]
    for frame in frames_of(first, ingestion):
        accepted = accept(target.transform(frame, *joined), target, frame[UNREADABLE])
        accepted = refuse_repeated(accepted, target, seen)
        seen = pd.concat([seen, accepted.good[target.key]])
        yield accepted


def _readable(frame: Frame, target: Target, source: str) -> Frame:
    """The rows that can be joined: what is joined to another is refused, as if its partner were not there."""
    return frame[~has_lost(frame[UNREADABLE], target, source)]


def _distinct(target: Target, inputs: list[Input], ingestion: Bucket) -> Iterator[Accepted]:
    """One output: what the parts have, once each and in order."""
    found = [
        accept(target.transform(**{given.source: frame}), target).good
        for given in inputs
        for frame in frames_of(given, ingestion)
    ]
    if found:
        rows = concatenated(found).drop_duplicates(target.key).sort_values(target.key, ignore_index=True)
        yield accept(rows, target)


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
    """Keys carry their content's hash: other bytes under one can only be damage."""
    if not bucket.create(key, body):
        raise CorruptObject(f"s3://{bucket.name}/{key}", "its bytes are not those that its name was made of")
