"""Questions asked of a road, and each object that an answer names held to what it is said to have."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pyarrow.parquet as pq

from conftest import SCHEMA
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.lake import keys
from shared.lineage.lake import LineageLake
from shared.lineage.warehouse import LineageQueries
from shared.lineage.why import why
from shared.load.warehouse import WarehouseSession
from shared.warehouse.registry import TARGETS, Target
from tests import recipe
from tests.road.road import Road

COUNTRY = recipe.target("dim_country", "dim_recipe")
ALL = {**TARGETS, COUNTRY.name: COUNTRY}

Why = Callable[..., dict[str, Any]]


class Remembering:
    """A bucket of which each object is read once, for many questions in a row."""

    def __init__(self, bucket: S3Bucket) -> None:
        self.name, self.list, self.create, self.put = bucket.name, bucket.list, bucket.create, bucket.put
        self.get, self.written_at = cache(bucket.get), cache(bucket.written_at)


@contextmanager
def asking(road: Road) -> Iterator[Why]:
    """Many questions, between which nothing happens."""
    with road.warehouse.connect() as connection:
        WarehouseSession(connection, SCHEMA)
        ingestion, processed = Remembering(road.ingestion), Remembering(road.processed)
        lake, warehouse = LineageLake(ingestion, processed), LineageQueries(connection)
        # Through JSON, as it reaches whoever asked.
        yield lambda **event: json.loads(json.dumps(why(event, road.targets, lake, warehouse)))


def ask(road: Road, table: str, **named: str) -> dict[str, Any]:
    with asking(road) as asked:
        return asked(table=table, **named)


class Files:
    """The column of a parquet file, as pyarrow reads it, each file once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], set[str]] = {}

    def holds(self, bucket: S3Bucket, key: str, column: str, value: str) -> bool:
        if (key, column) not in self._read:
            values = pq.read_table(io.BytesIO(bucket.get(key)))[column].to_pylist()
            self._read[key, column] = set(map(str, values))
        return value in self._read[key, column]


def assert_holds(road: Road, files: Files, target: Target, chain: dict[str, Any]) -> None:
    """Each object that the chain names is there and has what it is said to have."""
    load, manifest, key = chain["load"], chain["manifest"], chain["key"]
    body = road.processed.get(manifest["key"])
    assert manifest["as_loaded"] and keys.content_hash(body) == load["manifest_sha256"] == manifest["sha256"]
    written = json.loads(body)
    assert chain["part"]["key"] in [part["key"] for part in written["parts"]]
    assert files.holds(road.processed, chain["part"]["key"], target.key, key)
    assert {batch["table"]: batch["run"] for batch in chain["batches"]} == written["sources"]
    first = chain["batches"][0]
    assert target.kind == "set" or first["table"] == target.sources[0]
    if target.kind == "set" or target.grouped:
        assert first["part"] is None
    else:
        assert f"/{first['run']:08d}-" in first["part"]["key"]
        assert files.holds(road.ingestion, first["part"]["key"], TABLES[first["table"]].key, key)
    assert_runs(road, target, chain)


def assert_runs(road: Road, target: Target, chain: dict[str, Any]) -> None:
    own, *joined = chain["runs"]
    assert own["run"] == chain["load"]["run"]
    assert {run["run"] for run in chain["runs"]} == {own["run"], *(batch["run"] for batch in chain["batches"])}
    record = json.loads(road.ingestion.get(own["key"]))
    assert (own["log"], own["attempt"], own["xmin"]) == (record["log"], record["attempt"], record["snapshot"]["xmin"])
    assert own["snapshot_at"].startswith(record["snapshot"]["taken_at"]) and own["snapshot_at"].endswith("Z")
    # S3 counts whole seconds here.
    assert own["snapshot_at"][:19] <= own["committed_at"][:19] <= own["published_at"][:19]
    assert own["published_at"][:19] <= chain["manifest"]["written_at"][:19] <= chain["load"]["loaded_at"][:19]
    changed = [table for table in sorted(target.sources) if record["tables"][table]["batch"]]
    assert own["messages"] == [{"log": own["log"], "run": own["run"], "table": table} for table in changed] != []
    assert [run["messages"] for run in joined] == [[] for _ in joined]
