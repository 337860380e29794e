"""From a row of the warehouse back: ledger, manifest, part, batches, runs, snapshots, messages."""

from collections.abc import Mapping

from msgspec.structs import replace

from shared.catalogue import TABLES
from shared.columns import INTEGER, Column
from shared.lake import documents
from shared.lineage.answers import BatchAnswer, Chain, File, LoadAnswer, Notes, RunAnswer
from shared.lineage.lake import LineageLake, holder
from shared.lineage.origin import origin_of
from shared.lineage.warehouse import LineageQueries, WarehouseRow
from shared.warehouse.registry import Target


def chain_of(target: Target, id_: str, row: WarehouseRow, lake: LineageLake, warehouse: LineageQueries) -> Chain:
    """Return the chain from a row back to the source; what is missing is explained in words. `id_` as in
    LineageQueries.row."""
    notes = Notes()
    load, inferred = origin_of(target, row, lake, warehouse, notes)
    chain = Chain(table=target.name, id=id_, key=row.key, load=load, inferred=inferred)
    if load and (gone := lake.lacks(load.log)):
        notes.add(gone)
    elif load:
        chain = _Backward(target, row.key, load, lake, notes).lengthened(chain)
    return replace(chain, notes=notes.lines)


def batch_of(source: str, run: int, read: documents.Batch) -> BatchAnswer:
    return BatchAnswer(table=source, run=run, mode=read.mode, reason=read.reason, rows=read.rows)


class _Backward:
    def __init__(self, target: Target, key: str, load: LoadAnswer, lake: LineageLake, notes: Notes) -> None:
        self._target, self._key, self._load, self._lake, self._notes = target, key, load, lake, notes

    def lengthened(self, chain: Chain) -> Chain:
        target, load, tried = self._target, self._load, self._notes.tried
        own = tried(lambda: self._lake.run(load.run, target.sources))
        written = tried(lambda: self._lake.written(target, load))
        if written is None:
            return replace(chain, runs=tuple(filter(None, [own])))
        manifest = tried(lambda: self._lake.manifest(written, load))
        if manifest and not manifest.as_loaded:
            self._notes.add(f"{manifest.key} is not the one that was loaded: its bytes are others than the ledger says")
        return replace(
            chain,
            manifest=manifest,
            part=self._part(written.manifest),
            batches=tuple(self._batches(written.manifest.sources)),
            runs=tuple(self._runs(own, written.manifest.sources)),
        )

    def _part(self, made: documents.Manifest) -> File | None:
        [column] = [column for column in self._target.columns if column.name == self._target.key]
        part = self._notes.tried(lambda: holder(self._lake.processed, made.parts, column, self._key))
        if part is None and not self._notes.is_removed:
            self._notes.add(f"no part of the manifest of run {made.run} can be shown to hold {column.name} {self._key}")
        return part

    def _batches(self, sources: Mapping[str, int]) -> list[BatchAnswer]:
        """Return the batches in the order in which the table names its sources."""
        order = [*self._target.sources, *sources]
        found = [self._batch(source, sources[source]) for source in dict.fromkeys(order) if source in sources]
        return [batch for batch in found if batch]

    def _batch(self, source: str, run: int) -> BatchAnswer | None:
        record = self._notes.tried(lambda: self._lake.record(run))
        read = record.state(source).batch if record else None
        if read is None:
            return None
        batch = batch_of(source, run, read)
        if source != self._target.sources[0] or not self._target.row_by_row:
            return batch
        key = Column(TABLES[source].key, INTEGER)
        return replace(batch, part=self._notes.tried(lambda: holder(self._lake.ingestion, read.parts, key, self._key)))

    def _runs(self, own: RunAnswer | None, sources: Mapping[str, int]) -> list[RunAnswer]:
        """Return the run itself, then the runs whose batches were joined, the latest first."""
        others = sorted({*sources.values()} - {self._load.run}, reverse=True)
        return [run for run in (own, *map(self._joined, others)) if run]

    def _joined(self, run: int) -> RunAnswer | None:
        return self._notes.tried(lambda: self._lake.run(run, ()))
