"""What a person can ask of an extraction: rows by key, a preview, and how the source looks beside the catalogue."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pg8000.native
import pytest
from msgspec.structs import replace

from shared.catalogue import TABLES
from shared.errors import Refused
from shared.lake.documents import RECONCILE
from shared.source.extract import extract
from shared.source.preview import compare, preview
from shared.source.readers.postgres import sql
from shared.source.request import MOST_KEYS, ExtractRequest, request_from_event
from tests.shared.source.test_extract import Stack, currency, owner, stack, transaction

pytestmark = pytest.mark.fast
__all__ = ["owner", "stack"]


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        ({}, ExtractRequest()),
        ({"do": "resync", "tables": ["staff"]}, ExtractRequest(cause="resync", full={"staff": "resync"})),
        (
            {"do": "resync", "tables": ["payment"], "keys": [3, 1, 3]},
            ExtractRequest(cause="resync", keys={"payment": (1, 3)}),
        ),
        ({"do": "resync", "tables": ["staff"], "keys": [3]}, ExtractRequest(cause="resync", full={"staff": "resync"})),
        (
            {"do": "resync", "tables": ["payment"], "keys": list(range(MOST_KEYS + 1))},
            ExtractRequest(cause="resync", full={"payment": "resync"}),
        ),
        ({"do": "reconcile", "tables": ["staff"]}, ExtractRequest(cause="reconcile", full={"staff": "reconcile"})),
        ({"do": "reconcile"}, ExtractRequest(cause="reconcile", full=dict.fromkeys(TABLES, "reconcile"))),
        ({"do": "new_log", "after": 7}, ExtractRequest(cause="new log", new_log_after=7)),
    ],
)
def test_what_an_event_asks_for(event: Mapping[str, Any], asked: ExtractRequest) -> None:
    assert request_from_event(event) == asked


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"do": "resync"}, "resync takes source tables"),
        ({"do": "reconcile", "tables": ["dim_staff"]}, "there are: "),
        ({"do": "resync", "tables": ["payment", "staff"], "keys": [1]}, "keys, whole numbers, of one table"),
        ({"do": "resync", "tables": ["payment"], "keys": ["1); DROP TABLE payment"]}, "whole numbers"),
        ({"do": "resync", "tables": ["payment"], "keys": [True]}, "whole numbers"),
        ({"do": "resync", "tables": ["payment"], "keys": []}, "whole numbers"),
        ({"do": "all"}, "count, resync, reconcile and new_log"),
        ({"do": "new_log", "after": "7"}, "the last run that was used"),
        ({"do": "new_log", "after": 10**8}, "the last run that was used"),
        ({"do": "new_log", "after": -1}, "the last run that was used"),
    ],
)
def test_what_no_event_can_ask_for(event: Mapping[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words.replace("(", r"\(")):
        request_from_event(event)


def test_rows_asked_for_by_key_come_with_what_changed_each_once(stack: Stack, owner: pg8000.native.Connection) -> None:
    for key in range(1, 7):
        transaction(owner, key)
    stack.extract()
    owner.run("UPDATE transaction SET transaction_type = 'PURCHASE' WHERE transaction_id IN (2, 3)")
    stack.extract(ExtractRequest(cause="resync", keys={"transaction": (3, 5, 99)}))
    batch = stack.record(2).tables["transaction"].batch
    assert batch is not None and batch.mode == "delta" and "requested" in batch.reason
    assert stack.rows(2, "transaction") == [2, 3, 5]
    assert stack.extract().run is None


def test_a_preview_says_what_the_next_run_reads_and_moves_nothing(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    currency(owner, 1)
    transaction(owner, 1)
    first = preview(ExtractRequest(), stack.outside())
    assert [each["rows"] for each in first["runs"][0]["tables"]] == [
        1 if table in ("currency", "transaction") else 0 for table in TABLES
    ]
    assert list(stack.ingestion.list("")) == [] and stack.topic.messages == []
    stack.extract()
    stack.topic.messages.clear()
    assert preview(ExtractRequest(), stack.outside())["runs"] == []
    transaction(owner, 2)
    owner.run("ALTER TABLE staff DROP COLUMN email_address")
    before = {key: stack.ingestion.get(key) for key in stack.ingestion.list("")}
    asked = preview(ExtractRequest(cause="resync", full={"currency": "resync"}), stack.outside())["runs"]
    [only] = asked
    assert [(each["table"], each["mode"], each["rows"]) for each in only["tables"]] == [
        ("currency", "full", 1),
        ("transaction", "delta", 1),
    ]
    assert only["run"] == 2 and only["targets"] == ["dim_currency", "dim_transaction"]
    assert "staff.email_address is missing" in only["held"]["staff"]
    assert {key: stack.ingestion.get(key) for key in stack.ingestion.list("")} == before
    assert stack.topic.messages == []


def test_a_preview_needs_no_lock(stack: Stack) -> None:
    stack.extract()
    with stack.totesys.connect() as connection:
        connection.run(f"SELECT pg_advisory_lock({sql.advisory_key('totestream-test')})")
        assert stack.extract().busy
        assert preview(ExtractRequest(), stack.outside())["runs"] == []
    assert not stack.extract().busy


def test_a_preview_of_a_reconcile_shows_both_its_runs(stack: Stack, owner: pg8000.native.Connection) -> None:
    transaction(owner, 1)
    stack.extract()
    transaction(owner, 2)
    runs = preview(ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE)), stack.outside())["runs"]
    shown = [(each["run"], each["cause"], sum(table["rows"] for table in each["tables"])) for each in runs]
    assert shown == [(2, "before reconcile", 1), (3, "reconcile", 2)]


def test_a_reconcile_that_another_run_overtook_comes_behind_it(stack: Stack, owner: pg8000.native.Connection) -> None:
    """Both begin at the full minute: it reads the log, waits for the lock, and its number is taken meanwhile."""
    transaction(owner, 1)
    stack.extract()
    other = stack.totesys.owner()
    key = sql.advisory_key("totestream-test")
    other.run(f"SELECT pg_advisory_lock({key})")

    def overtaken(seconds: float) -> None:
        stack.log.commit(replace(stack.record(1), run=2, attempt="other"))
        other.run(f"SELECT pg_advisory_unlock({key})")

    request = ExtractRequest(cause=RECONCILE, full=dict.fromkeys(TABLES, RECONCILE))
    outcome = extract(request, dataclasses.replace(stack.outside(), sleep=overtaken))
    assert (outcome.run, outcome.busy) == (3, False)
    assert (stack.record(2).attempt, stack.record(3).cause) == ("other", RECONCILE)


def columns(table: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["name"]: (each["kind"], each["live"]) for each in table["columns"]}


def test_the_catalogue_beside_a_source_that_changed(stack: Stack, owner: pg8000.native.Connection) -> None:
    agreed = {each["table"]: each for each in compare(stack.outside())["tables"]}
    assert list(agreed) == list(TABLES)
    assert not any(each["problem"] for each in agreed.values())
    owner.run("ALTER TABLE staff ADD COLUMN nickname text")
    owner.run("ALTER TABLE staff RENAME COLUMN last_name TO surname")
    owner.run("ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(13,2)")
    owner.run("ALTER TABLE design RENAME TO designs")
    owner.run(f"REVOKE SELECT ON currency FROM {stack.totesys.login_name}")
    stack.extract()
    now = {each["table"]: each for each in compare(stack.outside())["tables"]}
    assert json.loads(json.dumps(now)) == now
    assert {name: each["problem"] for name, each in now.items() if each["problem"]} == {
        "staff": "column staff.last_name is missing",
        "payment": "column payment.payment_amount is numeric(13,2), not money",
        "design": "table design is not there",
        "currency": now["currency"]["problem"],
    }
    assert "42501" in now["currency"]["problem"]
    assert columns(now["staff"])["last_name"] == ("text", None)
    assert columns(now["staff"])["nickname"] == (None, "text")
    assert columns(now["staff"])["surname"] == (None, "text")
    assert now["staff"]["held_since_run"] == 1 and now["address"]["held_since_run"] is None


def test_a_new_column_is_told_once_and_the_table_goes_on(
    stack: Stack, owner: pg8000.native.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    transaction(owner, 1)
    stack.extract()
    owner.run("ALTER TABLE transaction ADD COLUMN note text DEFAULT 'x'")
    capsys.readouterr()
    for key in (2, 3):
        transaction_with_note(owner, key)
        stack.extract()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "not in the catalogue" in line]
    assert [(line["run"], line["table"], line["columns"]) for line in told] == [(2, "transaction", ["note"])]
    assert stack.rows(3, "transaction") == [3]
    health = json.loads(stack.ingestion.get("health/extract.json"))
    assert health["undeclared"] == {"transaction": ["note"]}


def transaction_with_note(owner: pg8000.native.Connection, key: int) -> None:
    owner.run(f"INSERT INTO transaction VALUES ({key}, 'SALE', NULL, NULL, now(), now(), 'y')")
