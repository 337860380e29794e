"""Which batches a warehouse table is made of in a run, and their rows. The run's number decides it alone."""

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
from shared.transform.acceptance import concatenated
from shared.warehouse.registry import Target


class Input(NamedTuple):
    """The batch that `source` is read from, and the run that has it."""

    source: str
    run: int
    batch: Batch


def inputs_of(target: Target, record: RunRecord, run_log: RunLog) -> list[Input]:
    """Of a set, the batches of this run; else a batch per source. Raises BadDocument, MissingObject.

    A first source that changed in this run is what changed; the others are whole, as of this run.
    """
    if target.kind == "set":
        found = [_own(source, record) for source in target.sources]
        return [each for each in found if each]
    first, *others = target.sources
    return [_own(first, record) or _whole(first, record, run_log)] + [_whole(it, record, run_log) for it in others]


def _own(source: str, record: RunRecord) -> Input | None:
    batch = record.state(source).batch
    return Input(source, record.run, batch) if batch else None


def _whole(source: str, record: RunRecord, run_log: RunLog) -> Input:
    """The newest whole content of a reference table."""
    if not TABLES[source].reference:
        # Its whole content would put back what has changed since.
        raise BadDocument(keys.run_key(record.run), f"a table made of {source} is among its targets, {source} unread")
    run = record.state(source).full_run
    if run is None:
        raise BadDocument(keys.run_key(record.run), f"{source} was never read and is needed")
    whole = _own(source, record if run == record.run else run_log.get(run))
    if whole is None:
        raise BadDocument(keys.run_key(run), f"run {record.run} looks here for the whole of {source}")
    return whole


def frames_of(given: Input, ingestion: Bucket) -> Iterator[Frame]:
    """Part by part, each with the column _unreadable. Raises MissingObject, CorruptObject, OtherDeclaration.

    A column that the catalogue of the batch did not have is null, whatever that of today says: what may be null
    is for the target to judge, and the next run reads the table whole.
    """
    table = TABLES[given.source]
    columns, former = table.batch_columns, None
    if given.batch.catalogue != table.fingerprint:
        columns = tuple(column._replace(nullable=column.name != table.key) for column in columns)
        former = parquet.Former(f"catalogue {given.batch.catalogue} of {table.name}", f"resync {table.name}")
    for part in given.batch.parts:
        body = get_verified(ingestion, part.key, part.sha256)
        yield parquet.decode(body, columns, f"s3://{ingestion.name}/{part.key}", former)


def whole_frame(given: Input, ingestion: Bucket) -> Frame:
    return concatenated([_no_rows(given.source), *frames_of(given, ingestion)])


def _no_rows(source: str) -> Frame:
    return empty_frame(TABLES[source].batch_columns)
