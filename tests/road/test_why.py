"""From each row of the warehouse back to what it was made of, and forward again from the source's keys."""

import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest

from conftest import made_bucket
from local.ticker import KINDS
from shared.aws.bucket import S3Bucket
from shared.errors import Refused
from shared.lake import keys
from shared.lineage.lake import Lake
from shared.lineage.warehouse import Warehouse
from shared.lineage.why import why
from shared.load.warehouse import Warehouse as LoadersWarehouse
from shared.source.catalogue import TABLES
from shared.source.request import Request
from shared.warehouse.registry import TARGETS, Target
from tests import recipe
from tests.conftest import Ticks
from tests.road.road import SCHEMA, Road

pytestmark = pytest.mark.fast

COUNTRY = recipe.target("dim_country", "dim_recipe")
ODD = """E'Cô te\\t"d''Ivoire" 🧵'"""
ALL = {**TARGETS, COUNTRY.name: COUNTRY}
# In no batch's reason, no key and no word of ours.
A_SECRET = "Xyzzy"
CHANGES = (
    "UPDATE payment SET paid = NOT paid WHERE payment_id % 40 = 3",
    "UPDATE sales_order SET units_sold = units_sold + 1 WHERE sales_order_id % 30 = 1",
    "UPDATE department SET department_name = department_name || '.' WHERE department_id = 2",
    "UPDATE staff SET first_name = 'Zoe' WHERE staff_id = 1",
    "UPDATE staff SET first_name = 'Ann' WHERE staff_id = 1",
    "DELETE FROM payment WHERE payment_id = 5",
    "INSERT INTO payment SELECT * FROM kept WHERE payment_id = 5 ON CONFLICT DO NOTHING",
    "UPDATE address SET country = 'Chad' WHERE address_id = 4",
    f"UPDATE address SET country = {ODD} WHERE address_id = 6",
    "UPDATE transaction SET transaction_type = 'PURCHASE' WHERE transaction_id = 9",
)

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
        LoadersWarehouse(connection, SCHEMA)
        ingestion, processed = Remembering(road.ingestion), Remembering(road.processed)
        lake, warehouse = Lake(ingestion, processed), Warehouse(connection)
        # Through JSON, as it reaches whoever asked.
        yield lambda **event: json.loads(json.dumps(why(event, road.targets, lake, warehouse)))


def ask(road: Road, table: str, **named: str) -> dict[str, Any]:
    with asking(road) as asked:
        return asked(table=table, **named)


class Witness:
    """Knows which run made each row, since it looks after each load: one run each."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.runs: dict[tuple[str, str], int] = {}
        self.keys: dict[tuple[str, str], str] = {}
        self._rows: dict[tuple[str, str], list[Any]] = {}

    def see(self, run: int) -> None:
        for target in self._road.targets.values():
            columns = ", ".join(f"{column.name}::text" for column in target.columns)
            statement = (
                f"SELECT {target.record_id or target.key}::text, {target.key}::text, {columns} FROM {target.name}"
            )
            for id_, key, *row in self._road.there.run(statement) or []:
                place = (target.name, id_)
                if self._rows.get(place) != row:
                    self._rows[place], self.runs[place], self.keys[place] = row, run, key


@pytest.fixture
def lived(road: Road, tick: Ticks) -> tuple[Road, Witness]:
    """A road with a table more, and some random runs on it."""
    dice, witness = random.Random(5), Witness(road)
    road.targets = ALL
    road.migrate()
    road.source.run("CREATE TABLE kept AS SELECT * FROM payment")
    for _ in range(8):
        tick(*dice.sample(sorted(KINDS), k=2))
        for change in dice.sample(CHANGES, k=3):
            road.source.run(change)
        outcome = road.extract(Request(cause="resync", full={"design": "resync"}) if dice.random() < 0.2 else None)
        road.deliver()
        road.load()
        road.add_foreign_keys()
        if outcome.run:
            witness.see(outcome.run)
    return road, witness


class Files:
    """The column of a parquet file, as pyarrow reads it, each file once."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, str], set[str]] = {}

    def holds(self, bucket: S3Bucket, key: str, column: str, value: str) -> bool:
        if (key, column) not in self._read:
            values = pq.read_table(io.BytesIO(bucket.get(key)))[column].to_pylist()
            self._read[key, column] = set(map(str, values))
        return value in self._read[key, column]


def test_from_every_row_back_to_the_source_and_forward_again(lived: tuple[Road, Witness]) -> None:
    road, witness = lived
    assert_back(road, witness)
    assert_forward(road, witness)
    seen = {(ALL[table].kind, run > 1) for (table, _), run in witness.runs.items()}
    assert seen == {(kind, later) for kind in ("fact", "dimension", "set") for later in (True, False)}


def assert_back(road: Road, witness: Witness) -> None:
    files = Files()
    with asking(road) as asked:
        for (table, id_), run in witness.runs.items():
            chain = asked(table=table, id=id_)
            assert (chain["load"]["run"], chain["inferred"], chain["said"]) == (run, False, [])
            assert chain["key"] == witness.keys[table, id_]
            assert_holds(road, files, ALL[table], chain)


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


def assert_forward(road: Road, witness: Witness) -> None:
    """From a key of the source come the same records."""
    with asking(road) as asked:
        for source in ("payment", "sales_order", "purchase_order", "transaction", "staff", "address"):
            for (key,) in road.source.run(f"SELECT {source}_id::text FROM {source}") or []:
                for arrival in asked(table=source, id=key)["arrivals"]:
                    found = {(arrival["table"], it["id"]): it["load"]["run"] for it in arrival["versions"]}
                    expected = {
                        place: run
                        for place, run in witness.runs.items()
                        if place[0] == arrival["table"] and witness.keys[place] == key
                    }
                    assert found == expected != {}
                    assert all(it["cause"] in ("schedule", "resync") and it["batches"] for it in arrival["versions"])


def test_a_restored_dimension_is_inferred_from_the_manifests(lived: tuple[Road, Witness]) -> None:
    """Every row and ledger row has another transaction than the one that first wrote it, or all have one."""
    road, witness = lived
    dimensions = [target for target in ALL.values() if target.kind != "fact"]
    touched = [f"UPDATE {target.name} SET {target.key} = {target.key}" for target in dimensions]
    for statement in touched:
        road.there.run(statement)
    assert_inferred(road, witness, {target.name for target in dimensions})
    road.there.run("; ".join(["BEGIN", "UPDATE etl_ledger SET run = run", *touched, "COMMIT"]))
    assert_inferred(road, witness, {"dim_staff"})


def assert_inferred(road: Road, witness: Witness, tables: set[str]) -> None:
    """Of each run the first rows of each table."""
    firsts = {(place[0], run): place for place, run in reversed(witness.runs.items()) if place[0] in tables}
    assert len(firsts) > len(tables)
    with asking(road) as asked:
        for (table, run), (_, id_) in firsts.items():
            chain = asked(table=table, id=id_)
            assert (table, id_, chain["load"]["run"], chain["inferred"]) == (table, id_, run, True)
            assert chain["said"][0].startswith("the warehouse does not say which load wrote this row")


def test_what_is_not_made_by_key_is_said_in_a_line(road: Road) -> None:
    road.targets = ALL
    road.migrate()
    journey = ask(road, "address", id="1")
    assert [arrival["table"] for arrival in journey["arrivals"]] == ["dim_location"]
    assert [line.split()[0] for line in journey["others"]] == ["dim_counterparty", "dim_recipe"]
    assert "dim_date" in ask(road, "payment", id="1")["others"][0]


def test_a_history_has_times_and_causes(road: Road) -> None:
    road.travel()
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 7")
    road.extract(Request(cause="resync", full={"payment": "asked for"}))
    road.deliver()
    road.load()
    road.source.run("DELETE FROM payment WHERE payment_id = 7")
    road.travel()
    [arrival] = ask(road, "fact_payment", business="007")["arrivals"]
    first, second = arrival["versions"]
    assert (first["cause"], first["batches"][0]["reason"]) == ("schedule", "first read")
    assert (second["cause"], second["batches"][0]["reason"], second["load"]["run"]) == ("resync", "asked for", 2)
    assert (first["deleted_at"], first["valid_to"]) == (None, second["valid_from"])
    gone = road.run_log.get(3).snapshot.taken_at.isoformat()
    assert second["deleted_at"] == second["valid_to"] == arrival["deletions"][0]["deleted_at"]
    assert second["deleted_at"].removesuffix("Z") == gone
    assert ask(road, "payment", id="7")["arrivals"] == [arrival]


def test_what_waits_is_quarantined_behind_or_held_is_told_with_its_reason(road: Road) -> None:
    road.source.run("UPDATE currency SET currency_code = 'XQX' WHERE currency_id = 1")
    road.source.run("UPDATE payment SET currency_id = 1 WHERE payment_id = 3")
    road.source.run("UPDATE payment SET payment_date = 'soon' WHERE payment_id = 4")
    road.extract()
    road.deliver()
    road.load(patience_s=0)
    [arrival] = ask(road, "payment", id="3")["arrivals"]
    assert arrival["versions"] == []
    assert [it["reason"] for it in arrival["waiting"]] == ["currency_id is not in dim_currency"]
    assert ask(road, "fact_payment", business="3")["arrivals"] == [arrival]
    [refused] = ask(road, "payment", id="4")["arrivals"][0]["quarantined"]
    assert refused["reason"].startswith("payment_date: ") and refused["run"] == 1
    [kept_out] = ask(road, "currency", id="1")["arrivals"]
    assert "not one this product knows" in kept_out["quarantined"][0]["reason"]
    road.source.run("UPDATE currency SET currency_code = 'GBP' WHERE currency_id = 1")
    road.travel()
    assert ask(road, "currency", id="1")["arrivals"][0]["quarantined"] == []
    [released] = ask(road, "payment", id="3")["arrivals"][0]["versions"]
    assert (released["load"]["status"], released["load"]["run"]) == ("released", 1)
    chain = ask(road, "fact_payment", id=released["id"])
    assert (chain["load"]["load_no"], chain["said"]) == (1, [])
    assert_holds(road, Files(), TARGETS["fact_payment"], chain)
    road.source.run("UPDATE payment SET paid = NOT paid; ALTER TABLE staff RENAME COLUMN email_address TO mail")
    road.extract()
    assert ask(road, "payment", id="3")["arrivals"][0]["behind"] == [3]
    road.transform(3, TARGETS["fact_payment"])
    assert road.load().complete_run == 2
    assert ask(road, "payment", id="3")["arrivals"][0]["behind"] == []
    [held] = ask(road, "staff", id="1")["arrivals"]
    assert (held["behind"], "email_address is missing" in held["held"]) == ([], True)
    [nothing] = ask(road, "payment", id="99999")["arrivals"]
    assert (nothing["versions"], nothing["waiting"], nothing["quarantined"], nothing["deletions"]) == ([], [], [], [])


def test_what_is_gone_with_its_account_is_said_in_words(road: Road) -> None:
    road.travel()
    new = replace(road, ingestion=made_bucket("new-ingestion"), processed=made_bucket("new-processed"), log_name="b")
    for question in ({"table": "fact_payment", "id": "1"}, {"table": "dim_date", "id": day_of(road)}):
        chain = ask(new, **question)
        assert chain["load"]["run"] == 1 and chain["manifest"] is None
        assert "hold no run yet" in chain["said"][0]
    new.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    new.travel()
    chain = ask(new, "fact_payment", id="1")
    old, living = road.run_log.get(1).log, new.run_log.get(1).log
    assert (
        chain["load"]["log"] == old
        and f"log {old} is gone with its buckets (these hold log {living})" in chain["said"][0]
    )
    journey = ask(new, "payment", id="1")
    assert [it["cause"] for it in journey["arrivals"][0]["versions"]] == [None, "schedule"]
    assert journey["said"] == chain["said"]


def day_of(road: Road) -> str:
    return str((road.there.run("SELECT min(date_id)::text FROM dim_date") or [[""]])[0][0])


def test_an_object_that_is_missing_or_another_is_said_and_the_rest_is_told(road: Road) -> None:
    road.travel()
    s3: Any = boto3.client("s3")
    chain = ask(road, "fact_payment", id="1")
    s3.delete_object(Bucket=road.ingestion.name, Key=chain["batches"][0]["part"]["key"])
    s3.delete_object(Bucket=road.ingestion.name, Key=keys.published_key(1))
    s3.put_object(Bucket=road.processed.name, Key=chain["part"]["key"], Body=b"other")
    s3.put_object(
        Bucket=road.processed.name,
        Key=chain["manifest"]["key"],
        Body=road.processed.get(chain["manifest"]["key"]) + b" ",
    )
    poorer = ask(road, "fact_payment", id="1")
    assert (poorer["part"], poorer["batches"][0]["part"], poorer["runs"][0]["published_at"]) == (None, None, None)
    assert not poorer["manifest"]["as_loaded"]
    for line in ("is not the one that was loaded", f"{chain['part']['key']} is corrupt", "part-00000-"):
        assert any(line in said for said in poorer["said"])
    s3.delete_object(Bucket=road.processed.name, Key=chain["manifest"]["key"])
    s3.delete_object(Bucket=road.ingestion.name, Key=keys.run_key(1))
    s3.delete_object(Bucket=road.ingestion.name, Key=keys.LATEST_HINT)
    assert ask(road, "fact_payment", id="1")["load"]["run"] == 1


def test_a_record_that_was_there_before_us_has_no_load(road: Road) -> None:
    road.travel()
    road.there.run("UPDATE etl_ledger SET first_record_id = 2 WHERE table_name = 'fact_payment'")
    chain = ask(road, "fact_payment", id="1")
    assert (chain["load"], chain["said"]) == (None, ["no load of ours made this record: it was there before"])


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"table": "fact_payment", "id": "99999"}, "no record 99999 in fact_payment"),
        ({"table": "fact_payment", "id": "9" * 30}, f"no record {'9' * 30} in fact_payment"),
        ({"table": "fact_payment", "id": "one"}, "no record one in fact_payment"),
        ({"table": "dim_staff", "id": "99999"}, "no record 99999 in dim_staff"),
        ({"table": "dim_date", "id": "2026-02-31"}, "no record 2026-02-31 in dim_date"),
        ({"table": "dim_recipe", "id": "Elbonia"}, "no record Elbonia in dim_recipe"),
        ({"table": "payment", "id": "it's"}, "no record it's in payment"),
        ({"table": "fact_payment", "business": "99999"}, "no record of payment_id 99999 in fact_payment"),
        ({"table": "dim_staff", "business": "1"}, "why takes"),
        ({"table": "etl_ledger", "id": "1"}, "why takes"),
        ({"table": "fact_payment"}, "facts are: fact_payment, "),
    ],
)
def test_what_does_not_exist_is_refused_in_a_line(road: Road, question: dict[str, str], said: str) -> None:
    road.targets = ALL
    road.migrate()
    with pytest.raises(Refused, match=f"{said}") as refused:
        ask(road, **question)
    assert "\n" not in str(refused.value)


def test_no_value_of_a_row_is_told_but_its_key(road: Road) -> None:
    road.source.run(f"UPDATE staff SET first_name = '{A_SECRET}' WHERE staff_id = 1")
    road.source.run(f"UPDATE payment SET payment_date = '{A_SECRET}' WHERE payment_id = 1")
    road.source.run(f"UPDATE currency SET currency_code = '{A_SECRET[:3]}' WHERE currency_id = 1")
    road.travel()
    for table, key in (("staff", "1"), ("dim_staff", "1"), ("payment", "1"), ("payment", "2"), ("currency", "1")):
        assert A_SECRET[:3] not in json.dumps(ask(road, table, id=key))
