"""The product with one of its protections taken out. Nothing in the product knows of it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from shared.aws.bucket import Bucket
from shared.lake.documents import Cursor
from shared.lake.manifests import Manifests
from shared.load import plan
from shared.load.manifest import Loading
from shared.load.turn import Turn
from shared.load.warehouse import WarehouseSession
from shared.source import changes, extract, run, sql
from shared.source.database import Source
from shared.transform import run as transform_run
from tests.simulation.cloud import S3

Patch = Callable[[pytest.MonkeyPatch], None]


def outbox(patch: pytest.MonkeyPatch) -> None:
    """What was committed and not published is not looked for."""
    patch.setattr(extract, "publish_what_is_not", lambda newest, outside: 0)


def create_only_commit(patch: pytest.MonkeyPatch) -> None:
    """A record is written over another."""
    create = S3.put_object

    def overwrite(s3: S3, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "") -> Any:  # noqa: N803
        return create(s3, Bucket, Key, Body, "" if Key.startswith("runs/") else IfNoneMatch)

    patch.setattr(S3, "put_object", overwrite)


def running_transactions(patch: pytest.MonkeyPatch) -> None:
    """The next run starts behind all ids that were given out, as if those still running had ended."""
    right = changes.next_cursor

    def hasty(cursor: Any, snapshot: Any, *rest: Any) -> Cursor:
        ended = type(snapshot)(taken_at=snapshot.taken_at, xmin=snapshot.xmax, xmax=snapshot.xmax)
        return right(cursor, ended, *rest)

    patch.setattr(run, "next_cursor", hasty)


def seen_transactions(patch: pytest.MonkeyPatch) -> None:
    """What was read of the ids that were running is forgotten."""
    patch.setattr(changes, "MOST_SEEN", 0)


def lock_before_snapshot(patch: pytest.MonkeyPatch) -> None:
    """The tables are not locked."""
    patch.setattr(sql, "lock", lambda tables: "SELECT 1")


def wal_flush(patch: pytest.MonkeyPatch) -> None:
    """A run is committed that saw what a crash can take back."""
    patch.setattr(Source, "wait_flushed", lambda self, lsn, sleep: None)


def delete_detector(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(run, "keys_are_gone", lambda cursor, keys: False)


def ledger(patch: pytest.MonkeyPatch) -> None:
    """What was loaded is not written down."""
    patch.setattr(WarehouseSession, "enter", lambda self, load, **place: None)


def order_of_runs(patch: pytest.MonkeyPatch) -> None:
    """A table takes the newest manifest that is there."""

    def newest_first(target: Any, look: plan.Look) -> plan.Step:
        there = [record.run for record in look.expected(target.name) if look.is_there(record, target.name)]
        return plan.Apply(there[-1]) if there else None

    patch.setattr(plan, "next_step", newest_first)


def waiting_rows(patch: pytest.MonkeyPatch) -> None:
    """A fact is loaded whether its dimensions are there or not."""
    patch.setattr(Loading, "_set_aside", lambda self, is_awaited: 0)


def manifest_last(patch: pytest.MonkeyPatch) -> None:
    """The parts are written when the manifest is."""
    late: dict[int, list[tuple[Bucket, str, bytes]]] = {}
    create = Manifests.create

    def keep(bucket: Bucket, key: str, body: bytes) -> None:
        late.setdefault(id(bucket), []).append((bucket, key, body))

    def manifest_first(self: Manifests, manifest: Any) -> bool:
        is_ours = create(self, manifest)
        for bucket, key, body in late.pop(id(self.bucket), []):
            bucket.create(key, body)
        return is_ours

    patch.setattr(transform_run, "_create", keep)
    patch.setattr(Manifests, "create", manifest_first)


def giving_way(patch: pytest.MonkeyPatch) -> None:
    """A version whose dimension cannot come waits for ever. Only a simulation that refuses dimensions can tell."""
    patch.setattr(Turn, "_give_way", lambda self: None)


MUTANTS: Mapping[str, Patch] = {
    patch.__name__: patch
    for patch in (
        outbox,
        create_only_commit,
        wal_flush,
        running_transactions,
        seen_transactions,
        lock_before_snapshot,
        delete_detector,
        ledger,
        order_of_runs,
        waiting_rows,
        manifest_last,
    )
}
