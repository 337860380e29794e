"""What the warehouse says of one row: its load, its history, and what keeps it out."""

from typing import Any, NamedTuple

from shared.lineage import sql
from shared.lineage.answers import Deletion, Entry, LoadAnswer, Version, maybe_utc, utc
from shared.postgres.connection import Connection
from shared.status import sql as status_sql
from shared.warehouse.registry import Target


class WarehouseRow(NamedTuple):
    """`loads` are those that can have made it: one, or nobody knows."""

    key: str
    loads: tuple[LoadAnswer, ...]


class LineageQueries:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def row(self, target: Target, id_: str) -> WarehouseRow | None:
        """`id_` is a fact's record id or a dimension's key."""
        rows = self._ask(sql.row(target), target, id_)
        loads = tuple(load for _, *entry in rows if (load := _load(entry)))
        return WarehouseRow(rows[0][0], loads) if rows else None

    def versions(self, fact: Target, key: str) -> list[Version]:
        return [
            Version(
                id=record,
                valid_from=maybe_utc(valid_from),
                valid_to=maybe_utc(valid_to),
                deleted_at=maybe_utc(deleted_at),
                load=_load(entry),
            )
            for record, valid_from, valid_to, deleted_at, *entry in self._ask(sql.versions(fact), fact, key)
        ]

    def last_loads(self, target: Target, log: str, most: int) -> list[LoadAnswer]:
        """Of this log, the latest run first."""
        rows = self._connection.run(sql.LAST_LOADS, table=target.name, log=log, most=most)
        return [load for row in rows if (load := _load(row))]

    def quarantined(self, target: Target, key: str) -> tuple[Entry, ...]:
        return tuple(map(_entry, self._ask(sql.QUARANTINED, target, key)))

    def waiting(self, target: Target, key: str) -> tuple[Entry, ...]:
        return tuple(map(_entry, self._ask(sql.WAITING, target, key))) if target.kind == "fact" else ()

    def deletions(self, target: Target, key: str) -> tuple[Deletion, ...]:
        rows = self._ask(sql.deleted(target), target, key)
        return tuple(
            Deletion(log=log, run=run, deleted_at=utc(at), ended_run=ended_run, ended_at=maybe_utc(ended_at))
            for log, run, at, ended_run, ended_at in rows
        )

    def complete_run(self, log: str) -> int:
        """The run up to which all tables have everything."""
        return int(self._connection.one(status_sql.COMPLETE_RUN, log=log)[0])

    def taken(self, log: str, after: int) -> set[tuple[int, str]]:
        """(run, table) of what was loaded or superseded after that run."""
        return {(run, table) for run, table in self._connection.run(status_sql.TAKEN, log=log, run=after)}

    def _ask(self, statement: str, target: Target, id_: str) -> list[list[Any]]:
        return self._connection.run(statement, table=target.name, id=id_)


def _load(entry: list[Any]) -> LoadAnswer | None:
    log, run, load_no, status, mode, sha256, snapshot_at, loaded_at = entry
    if log is None:
        return None
    seconds = (utc(loaded_at) - utc(snapshot_at)).total_seconds() if snapshot_at else None
    return LoadAnswer(
        log=log,
        run=run,
        load_no=load_no,
        status=status,
        mode=mode,
        manifest_sha256=sha256,
        snapshot_at=maybe_utc(snapshot_at),
        loaded_at=utc(loaded_at),
        seconds=seconds,
    )


def _entry(row: list[Any]) -> Entry:
    log, run, at, reason = row
    return Entry(log=log, run=run, at=utc(at), reason=reason)
