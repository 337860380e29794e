"""Find the batches that a warehouse table is made of in a run, and read their rows. Only the run decides which."""

from collections.abc import Iterator
from typing import NamedTuple

from shared.aws.bucket import Bucket
from shared.catalogue import TABLES
from shared.errors import BadDocument
from shared.frames import Frame, empty_frame
from shared.lake import keys, parquet
from shared.lake.documents import Batch, RunRecord
from shared.lake.parts import get_verified
from shared.lake.run_log import RunLog
from shared.transform.validation import concatenated
from shared.warehouse.registry import Target


class Input(NamedTuple):
    """The batch that `source` is read from, and the run that has it."""

    source: str
    run: int
    batch: Batch


def inputs_of(target: Target, record: RunRecord, run_log: RunLog) -> list[Input]:
    """Return the batches of `target` in this run. Raises BadDocument, MissingObject.

    For a set: its sources' batches of this run. Otherwise one batch per source: the first source's own batch of this
    run, if it has one, and for the others the newest full batch.
    """
    if target.kind == "calendar":
        found = [_own(source, record) for source in target.sources]
        return [each for each in found if each]
    first, *others = target.sources
    return [_own(first, record) or _whole(first, record, run_log)] + [_whole(it, record, run_log) for it in others]


def _own(source: str, record: RunRecord) -> Input | None:
    batch = record.state(source).batch
    return Input(source, record.run, batch) if batch else None


def _whole(source: str, record: RunRecord, run_log: RunLog) -> Input:
    """Return the newest full batch of a reference table."""
    if not TABLES[source].reference:
        # Its full batch would undo later changes.
        raise BadDocument(keys.run_key(record.run), f"it has a target made of {source}, but no batch of {source}")
    run = record.state(source).full_run
    if run is None:
        raise BadDocument(keys.run_key(record.run), f"{source} is needed and was never read")
    whole = _own(source, record if run == record.run else run_log.get(run))
    if whole is None:
        raise BadDocument(keys.run_key(run), f"run {record.run} expects a full batch of {source} here")
    return whole


def frames_of(given: Input, ingestion: Bucket) -> Iterator[Frame]:
    """Yield a frame per part, with the column _unreadable. Raises MissingObject, CorruptObject, OtherDeclaration.

    A column that the batch's catalogue did not have is null, even if it is required today: the target's validation
    decides, and the next run reads the table whole.
    """
    table = TABLES[given.source]
    columns, former = table.batch_columns, None
    if given.batch.catalogue != table.fingerprint:
        columns = tuple(column._replace(nullable=column.name != table.key) for column in columns)
        former = parquet.FormerDeclaration(f"catalogue {given.batch.catalogue} of {table.name}", f"resync {table.name}")
    for part in given.batch.parts:
        body = get_verified(ingestion, part.key, part.sha256)
        yield parquet.decode(body, columns, f"s3://{ingestion.name}/{part.key}", former)


def whole_frame(given: Input, ingestion: Bucket) -> Frame:
    return concatenated([_no_rows(given.source), *frames_of(given, ingestion)])


def _no_rows(source: str) -> Frame:
    return empty_frame(TABLES[source].batch_columns)
