"""How much memory and time a reconcile takes, stage by stage, for tables of several sizes; or very long texts.

    python -m benchmarks.memory [ROWS...]      default 100000 1000000
    python -m benchmarks.memory texts

Each stage runs the product's own code in a process of its own on a real PostgreSQL; buckets are folders. The table is
payment; ten rows are damaged in the warehouse and ten deleted from the source before the second reading.
"""

import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from conftest import Database
from local import loading, logins
from local.generator import Recipe, csv_texts
from local.postgres import throw_away
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.columns import LONGEST_TEXT
from shared.errors import MissingObject
from shared.lake.documents import RECONCILE
from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS
from tests.road.road import Road

MANY = """
INSERT INTO payment SELECT 1000 + n, created_at, last_updated, transaction_id, counterparty_id, 1 + n % 1000,
       currency_id, payment_type_id, n % 2 = 0, payment_date, 1 + n, 1 + n
FROM payment, generate_series(1, {rows}) AS n WHERE payment_id = 1
"""
SPOILT = (
    "UPDATE {schema}.fact_payment SET payment_amount = -1 WHERE payment_id BETWEEN 1001 AND 1010",
    "DELETE FROM payment WHERE payment_id BETWEEN 1011 AND 1020",
)


class Folder(S3Bucket):
    """A bucket whose objects are files: in memory they would be measured with the stages."""

    def __init__(self, place: Path) -> None:
        self.name, self._place = place.name, place

    def get(self, key: str) -> bytes:
        if not (self._place / key).is_file():
            raise MissingObject(self.name, key)
        return (self._place / key).read_bytes()

    def create(self, key: str, body: bytes) -> bool:
        if (self._place / key).is_file():
            return self.get(key) == body
        self.put(key, body)
        return True

    def put(self, key: str, body: bytes) -> None:
        (self._place / key).parent.mkdir(parents=True, exist_ok=True)
        (self._place / key).write_bytes(body)

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        found = sorted(str(file.relative_to(self._place)) for file in self._place.rglob("*") if file.is_file())
        yield from (key for key in found if key.startswith(prefix) and key > after)

    def written_at(self, key: str) -> datetime:
        return datetime.fromtimestamp((self._place / key).stat().st_mtime, UTC)


@contextmanager
def trading(rows: int) -> Iterator[Road]:
    passwords = logins.new_passwords()
    with throw_away() as server, tempfile.TemporaryDirectory() as place:
        logins.prepare(server, passwords)
        source = Database(server, logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT, passwords)
        there = Database(server, logins.WAREHOUSE, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)
        with source.opened, there.opened:
            owner = source.owner()
            loading.load(owner, csv_texts(Recipe(orders=120, seed=7, today=date(2026, 3, 2))), {"kind": "generator"})
            owner.run("DROP INDEX payment_transaction_id_key")
            owner.run(MANY.format(rows=rows))
            road = Road(source, there, Folder(Path(place) / "ingestion"), Folder(Path(place) / "processed"))
            road.migrate()
            yield road
        shutil.rmtree(place)
        Path(place).mkdir()


def measured(stage: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and the most megabytes that a process of its own had."""
    answers, sent = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        began = time.monotonic()
        stage()
        sent.send((time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    found: tuple[float, int] = answers.recv()
    return found


def measure(rows: int) -> None:
    target = TARGETS["fact_payment"]
    whole = ExtractRequest(cause=RECONCILE, full={"payment": RECONCILE})
    with trading(rows) as road:
        for name, run, request in (("first load", 1, None), ("reconcile", 2, whole)):
            stages: dict[str, Callable[[], object]] = {
                "extract": partial(road.extract, request),
                "transform": partial(road.transform, run, target),
                "load": road.load,
            }
            for stage, work in stages.items():
                if stage == "load":
                    for other in TARGETS.values():
                        road.transform(run, other)
                seconds, megabytes = measured(work)
                print(f"{rows:>9} rows  {name:<10}  {stage:<9}  {seconds:6.1f} s  {megabytes:5} MB", flush=True)
            road.there.run(SPOILT[0].format(schema="project_team_1"))
            road.source.run(SPOILT[1])
        found = road.there.run("SELECT found, count(*) FROM etl_difference GROUP BY 1 ORDER BY 1")
        print(f"{rows:>9} rows  named: {found}", flush=True)


def measure_texts() -> None:
    """A text that is not read, and a row all of whose texts are as long as one may be; the last character of each costs
    Python four bytes for every other one."""
    longest = f"repeat('x', {LONGEST_TEXT - 4}) || '🧵'"
    texts = ", ".join(f"{column.name} = text" for column in TABLES["address"].texts)
    cases = {
        "one of 250 MB": "UPDATE design SET file_location = repeat('x', 250000000) WHERE design_id = 3",
        "seven of 12 MB": f"UPDATE address SET {texts} FROM (SELECT {longest} AS text) AS x WHERE address_id = 1",
    }
    for name, change in cases.items():
        with trading(10) as road:
            road.source.run(change)
            stages: dict[str, Callable[[], object]] = {
                "extract": road.extract,
                "transform": partial(road.transform, 1, TARGETS["dim_location"]),
            }
            for stage, work in stages.items():
                seconds, megabytes = measured(work)
                print(f"{name:<15}  {stage:<9}  {seconds:6.1f} s  {megabytes:5} MB", flush=True)
            for target in TARGETS.values():
                road.transform(1, target)
            seconds, megabytes = measured(road.load)
            print(f"{name:<15}  load       {seconds:6.1f} s  {megabytes:5} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["texts"]:
        measure_texts()
    else:
        for size in map(int, sys.argv[1:] or ("100000", "1000000")):
            measure(size)
