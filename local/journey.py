"""One change on its way from the source into the warehouse, as anybody sees it who may read buckets and databases.

Each time is what the step's own clock wrote down, never when this program happened to look; only `visible` is when
the warehouse answered with the row, which cannot be too early.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import boto3
from pg8000.native import Connection

from local.errors import LocalError
from local.handover import Handover

T = TypeVar("T")
Json = dict[str, Any]

_POLL_S = 0.2
_QUIET_S = 2.0  # a wait that takes longer says what it waits for
# Each warehouse table that the change reaches, and the source table it comes from; in the order of loading.
_TABLES = {"dim_staff": "staff", "fact_sales_order": "sales_order"}

_LEDGER = """
    SELECT table_name, loaded_at, inserted, updated, unchanged, waiting FROM etl_ledger
    WHERE log_id = :log AND run = :run AND load_no = 0 ORDER BY loaded_at"""
_VERSIONS = """
    SELECT sales_record_id, sales_staff_id, first_name, last_name, department_name, clock_timestamp()
    FROM fact_sales_order JOIN dim_staff ON staff_id = sales_staff_id
    WHERE sales_order_id = :order ORDER BY sales_record_id"""


@dataclass(frozen=True)
class Step:
    """`at` by the clock of `clock`: the source, the warehouse or S3."""

    name: str
    at: datetime
    clock: str
    what: str

    def since(self, began: datetime) -> str:
        return f"{(self.at - began).total_seconds():7.1f} s  {self.clock:<11}{self.name:<13}{self.what}"


class JourneyObjects:
    """The two buckets, and what S3 says of the objects in them."""

    def __init__(self, stack: str) -> None:
        account = boto3.client("sts").get_caller_identity()["Account"]
        self._buckets = {noun: f"{stack}-{noun}-{account}" for noun in ("ingestion", "processed")}
        self._s3: Any = boto3.client("s3")

    def times(self, noun: str, prefix: str, after: str = "") -> dict[str, datetime]:
        """The keys that begin with `prefix` and sort behind `after`, in order, with the time S3 has of each."""
        ask = {"Bucket": self._buckets[noun], "Prefix": prefix, "StartAfter": after}
        pages = self._s3.get_paginator("list_objects_v2").paginate(**ask)
        return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", ())}

    def get(self, noun: str, key: str) -> Json:
        document: Json = json.load(self._s3.get_object(Bucket=self._buckets[noun], Key=key)["Body"])
        return document


class ChangeJourney:
    """One change on its way: each step is waited for, until `within_s` seconds have gone by."""

    def __init__(self, lake: JourneyObjects, warehouse: Connection, change: Handover, within_s: float) -> None:
        self._lake, self._warehouse, self._change = lake, warehouse, change
        self._within_s, self._deadline = within_s, time.monotonic() + within_s

    def steps(self, last_run: str) -> Iterator[Step]:
        """In order, each as soon as it has happened; `last_run` is the newest record's key before the change."""
        yield Step("committed", self._change.at, "source", f"transaction {self._change.xid}")
        extract = f"a run that reads it (extract is scheduled at {os.environ['EXTRACT_SCHEDULE']})"
        key, record, recorded_at = self._awaited(extract, lambda: self._record(last_run))
        snapshot_at = datetime.fromisoformat(record["snapshot"]["taken_at"]).replace(tzinfo=UTC)
        yield Step("seen", snapshot_at, "source", f"by the snapshot of run {record['run']}: {_read(record)}")
        yield Step("recorded", recorded_at, "S3", key)
        yield self._published(record, key.replace("runs/", "published/"))
        yield from self._transformed(key.replace("runs/", "manifests/").replace(".json", "/"))
        yield from self._loaded(record)
        yield self._visible()

    def _record(self, last_run: str) -> tuple[str, Json, datetime] | None:
        """The first run that read what our transaction wrote, with its record's key and time."""
        for key, at in self._lake.times("ingestion", "runs/", last_run).items():
            record = self._lake.get("ingestion", key)
            if saw(record["tables"]["sales_order"], self._change.xid):
                return key, record, at
        return None

    def _published(self, record: Json, marker: str) -> Step:
        at = self._awaited(marker, lambda: self._lake.times("ingestion", marker))[marker]
        messages = ", ".join(json.dumps({"run": record["run"], "table": table}) for table in _batches(record))
        return Step("published", at, "S3", f"{messages}: {marker}")

    def _transformed(self, folder: str) -> Iterator[Step]:
        awaited = {f"{folder}{table}.json": table for table in _TABLES}
        while awaited:
            times = self._awaited(" and ".join(awaited), lambda: self._there(folder, awaited))
            for key, at in sorted(times.items(), key=lambda item: item[1]):
                manifest, table = self._lake.get("processed", key), awaited.pop(key)
                what = f"{table}: parts {len(manifest['parts'])}, rows {manifest['rows']}: {key}"
                yield Step("transformed", at, "S3", what)

    def _there(self, folder: str, keys: Collection[str]) -> dict[str, datetime]:
        return {key: at for key, at in self._lake.times("processed", folder).items() if key in keys}

    def _loaded(self, record: Json) -> Iterator[Step]:
        awaited = set(_TABLES)
        while awaited:
            what = f"{' and '.join(sorted(awaited))} of run {record['run']} in etl_ledger"
            for table, at, *counts in self._awaited(what, lambda: self._entries(record, awaited)):
                awaited.remove(table)
                named = zip(counts, ("inserted", "updated", "unchanged", "waiting"), strict=True)
                yield Step("loaded", at, "warehouse", f"{table}: {', '.join(f'{n} {name}' for n, name in named)}")

    def _entries(self, record: Json, tables: Collection[str]) -> list[list[Any]]:
        """The ledger's rows of this run for `tables`, as far as they are there, in the order of loading."""
        rows = self._warehouse.run(_LEDGER, log=record["log"], run=record["run"]) or []
        return [row for row in rows if row[0] in tables]

    def _visible(self) -> Step:
        old, new = self._awaited(f"sales order {self._change.order} in fact_sales_order", self._versions)
        what = f"sales_order_id {self._change.order} of fact_sales_order with dim_staff, just read:"
        return Step("visible", new[-1], "warehouse", f"{what}\n{_shown('was', old)}\n{_shown('is', new)}")

    def _versions(self) -> tuple[list[Any], list[Any]] | None:
        """The order's record before ours, and ours, each with its row of dim_staff."""
        rows = self._warehouse.run(_VERSIONS, order=self._change.order) or []
        pairs = zip(rows, rows[1:], strict=False)
        return next(((old, new) for old, new in pairs if new[1] == self._change.staff), None)

    def _awaited(self, what: str, look: Callable[[], T | None]) -> T:
        """What `look` finds, as soon as it finds something. Says what it waits for when that takes a while."""
        quiet_until = time.monotonic() + _QUIET_S
        while not (found := look()):
            now = time.monotonic()
            if now > self._deadline:
                status = "./infra_bash/status.sh --local"
                raise LocalError(f"not visible after {self._within_s:.0f} s, waiting for {what}; look with {status}")
            if now > quiet_until:
                print(f"{'wait':<8}for {what}", file=sys.stderr)
                quiet_until = self._deadline
            time.sleep(_POLL_S)
        return found


def saw(table: Json, xid: int) -> bool:
    """Whether this run read what the transaction wrote, by its cursor: docs/design.md, "The exact extraction"."""
    cursor = table["cursor"]
    return bool(table["batch"] and (xid < cursor["xmin"] or xid in cursor["seen"]))


def _batches(record: Json) -> dict[str, Json]:
    """The batches that this run made of the tables we follow."""
    batches = {table: record["tables"][table]["batch"] for table in _TABLES.values()}
    return {table: batch for table, batch in batches.items() if batch}


def _read(record: Json) -> str:
    return ", ".join(f"{table} {batch['mode']} {batch['rows']} rows" for table, batch in _batches(record).items())


def _shown(when: str, version: list[Any]) -> str:
    record, staff, first, last, department, _ = version
    return f"{'':34}{when:<5}sales_record_id {record}, sales_staff_id {staff}: {first} {last}, {department}"
