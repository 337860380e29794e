"""From a key of the source, or a fact's business id, into the warehouse: its records with their causes, or what keeps
them out."""

from collections.abc import Mapping
from itertools import islice

from msgspec.structs import replace

from shared.ledger.backlog import tables_lacking
from shared.lineage.answers import Arrival, JourneyAnswer, Notes, Version
from shared.lineage.backward import batch_of
from shared.lineage.lake import LineageLake
from shared.lineage.origin import origin_of
from shared.lineage.warehouse import LineageQueries
from shared.warehouse.registry import Target

# More are not needed to call a table behind; a record is some ten milliseconds away.
MOST_BEHIND = 100


class Forward:
    def __init__(self, targets: Mapping[str, Target], lake: LineageLake, warehouse: LineageQueries) -> None:
        self._targets, self._lake, self._warehouse, self._notes = targets, lake, warehouse, Notes()

    def of_source(self, table: str, key: str) -> JourneyAnswer:
        """Return what became of the source's row in every warehouse table."""
        made = [target for target in self._targets.values() if table in target.sources]
        by_key = [target for target in made if target.sources[0] == table and target.row_by_row]
        others = tuple(_other(target, table) for target in made if target not in by_key)
        return self._journey(table, key, by_key, others)

    def of_business(self, fact: Target, key: str) -> JourneyAnswer:
        return self._journey(fact.name, key, [fact], ())

    def _journey(self, table: str, key: str, made: list[Target], others: tuple[str, ...]) -> JourneyAnswer:
        behind = self._behind()
        arrivals = tuple(self._arrival(target, key, behind) for target in made)
        return JourneyAnswer(table=table, key=key, arrivals=arrivals, others=others, notes=self._notes.lines)

    def _arrival(self, target: Target, key: str, behind: Mapping[int, set[str]]) -> Arrival:
        newest, warehouse = self._lake.newest, self._warehouse
        holds = [newest.state(source).hold for source in target.sources] if newest else []
        return Arrival(
            table=target.name,
            versions=tuple(self._caused(target, version) for version in self._versions(target, key)),
            quarantined=warehouse.quarantined(target, key),
            waiting=warehouse.waiting(target, key),
            deletions=warehouse.deletions(target, key),
            behind=tuple(run for run, tables in behind.items() if target.name in tables),
            held="; ".join(hold.reason for hold in holds if hold) or None,
        )

    def _versions(self, target: Target, key: str) -> list[Version]:
        if target.kind == "fact":
            return self._warehouse.versions(target, key)
        row = self._warehouse.row(target, key)
        if row is None:
            return []
        load, inferred = origin_of(target, row, self._lake, self._warehouse, self._notes)
        return [Version(id=row.key, load=load, inferred=inferred)]

    def _caused(self, target: Target, version: Version) -> Version:
        load = version.load
        if load is None:
            return version
        if gone := self._lake.lacks(load.log):
            self._notes.add(gone)
            return version
        record = self._notes.tried(lambda: self._lake.record(load.run))
        if record is None:
            return version
        read = {source: batch for source in target.sources if (batch := record.state(source).batch)}
        batches = tuple(batch_of(source, record.run, batch) for source, batch in read.items())
        return replace(version, cause=record.cause, batches=batches)

    def _behind(self) -> dict[int, set[str]]:
        """Return the tables that lack something of each run, for the first runs that not all tables have applied."""
        newest = self._lake.newest
        if newest is None:
            return {}
        complete = self._warehouse.complete_run(newest.log)
        applied = self._warehouse.applied(newest.log, complete)
        records = islice(self._lake.run_log.since(complete, newest), MOST_BEHIND)
        return {record.run: set(tables_lacking(record, applied)) for record in records}


def _other(target: Target, table: str) -> str:
    if target.kind == "calendar":
        return f"{target.name} takes the days of all {table} rows: a row of it is of no one key"
    if target.sources[0] == table:
        return f"{target.name} has a row for each {target.key} of {table}: why.sh {target.name} ID, with that value"
    return f"{target.name} joins {table} to {target.sources[0]}: a change of this row makes its row again"
