"""What is told beside the chain: histories, what keeps a row out, and in words what is gone or was never there."""

import json
from dataclasses import replace
from typing import Any

import boto3
import pytest

from conftest import made_bucket
from shared.errors import Refused
from shared.lake import keys
from shared.source.request import ExtractRequest
from shared.warehouse.registry import TARGETS
from tests.road.asking import ALL, Files, ask, assert_holds
from tests.road.road import Road

# In no batch's reason, no key and no word of ours.
A_SECRET = "Xyzzy"


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
    road.extract(ExtractRequest(cause="resync", full={"payment": "asked for"}))
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
    road.load(grace_period_s=0)
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
    assert (chain["load"]["load_no"], chain["notes"]) == (1, [])
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
        assert "hold no run yet" in chain["notes"][0]
    new.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    new.travel()
    chain = ask(new, "fact_payment", id="1")
    old, living = road.run_log.get(1).log, new.run_log.get(1).log
    assert (
        chain["load"]["log"] == old
        and f"log {old} is gone with its buckets (these hold log {living})" in chain["notes"][0]
    )
    journey = ask(new, "payment", id="1")
    assert [it["cause"] for it in journey["arrivals"][0]["versions"]] == [None, "schedule"]
    assert journey["notes"] == chain["notes"]


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
        assert any(line in said for said in poorer["notes"])
    s3.delete_object(Bucket=road.processed.name, Key=chain["manifest"]["key"])
    s3.delete_object(Bucket=road.ingestion.name, Key=keys.run_key(1))
    s3.delete_object(Bucket=road.ingestion.name, Key=keys.LATEST_HINT)
    assert ask(road, "fact_payment", id="1")["load"]["run"] == 1


def test_a_record_that_was_there_before_us_has_no_load(road: Road) -> None:
    road.travel()
    road.there.run("UPDATE etl_ledger SET first_record_id = 2 WHERE table_name = 'fact_payment'")
    chain = ask(road, "fact_payment", id="1")
    assert (chain["load"], chain["notes"]) == (None, ["no load of ours made this record: it was there before"])


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
