"""One table at a time, on a deployed stack: holds, rows by key, quarantine, reconcile, pause; by the scripts."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

from shared.warehouse.registry import TARGETS
from tests.infra.test_proposal import SUPPLIER
from tests.recipe import GUIDE, transcript
from tests.stack.stack import LocalStack, wait_for

SPOILT = (
    "ALTER TABLE counterparty ADD COLUMN vat_number text DEFAULT 'x'",
    "ALTER TABLE staff RENAME COLUMN last_name TO surname",
    "ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(13,2)",
    "ALTER TABLE design RENAME TO designs",
    "REVOKE SELECT ON currency FROM totestream_extract",
)
MENDED = (
    "ALTER TABLE counterparty DROP COLUMN vat_number",
    "ALTER TABLE staff RENAME COLUMN surname TO last_name",
    "ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(10,2)",
    "ALTER TABLE designs RENAME TO design",
    "GRANT SELECT ON currency TO totestream_extract",
)


def done(finished: CompletedProcess[str]) -> str:
    assert finished.returncode == 0, finished.stderr + finished.stdout
    return finished.stdout


def refused(finished: CompletedProcess[str], code: int, words: str) -> None:
    """In one line, which is the last."""
    last = finished.stderr.splitlines()[-1]
    assert (finished.returncode, words in last) == (code, True), finished.stderr


@contextmanager
def spoilt(stack: LocalStack) -> Iterator[None]:
    """The source's owner has changed five tables at once."""
    for statement in SPOILT:
        stack.change(statement)
    try:
        yield
    finally:
        for statement in MENDED:
            stack.change(statement)


def test_five_changed_tables_are_held_or_go_on_and_the_others_never_stop(stack: LocalStack) -> None:
    with spoilt(stack):
        stack.change("UPDATE designs SET design_name = 'while held' WHERE design_id = 2")
        stack.change("UPDATE payment SET payment_amount = payment_amount + 1 WHERE payment_id = 6")
        stack.change("UPDATE counterparty SET counterparty_legal_name = 'goes on' WHERE counterparty_id = 2")
        stack.change("UPDATE purchase_order SET item_code = 'goes on' WHERE purchase_order_id = 2")
        stack.extract()
        for question in (
            "SELECT 1 FROM dim_counterparty WHERE counterparty_legal_name = 'goes on'",
            "SELECT 1 FROM fact_purchase_orders WHERE item_code = 'goes on'",
        ):
            wait_for(lambda: stack.ask(question), question)  # noqa: B023 - called at once
        asked = json.loads(done(stack.script("catalogue", "--local", "--json")))["tables"]
        assert {each["table"]: each["problem"].split(",")[0].split(":")[0] for each in asked if each["problem"]} == {
            "staff": "column staff.last_name is missing",
            "payment": "column payment.payment_amount is numeric(13",
            "design": "table design is not there",
            "currency": "source",
        }
        text = done(stack.script("catalogue", "--local", "staff", "counterparty"))
        assert "staff (reference" in text and "HELD since run" in text
        assert "MISSING" in text and "vat_number" in text and "not in the catalogue: ignored" in text
        tables = json.loads(stack.script("status", "--local", "--json").stdout)["tables"]
        held = {each["table"] for each in tables if each["held"]}
        assert held == {"dim_currency", "dim_date", "dim_design", "dim_staff", "fact_payment"}
    stack.extract()
    stack.arrives()
    assert "HELD" not in done(stack.script("catalogue", "--local"))


def test_rows_in_quarantine_are_read_again_once_mended(stack: LocalStack) -> None:
    stack.change("UPDATE payment SET payment_date = '2024-02-30' WHERE payment_id IN (7, 8)")
    stack.extract()
    wait_for(lambda: quarantined(stack) == 2, "two rows in quarantine")
    with stack.by_hand("extract"):
        stack.change("UPDATE payment SET payment_date = '2024-02-29' WHERE payment_id IN (7, 8)")
        shown = done(stack.script("resync", "--local", "--quarantined", "--dry-run", "payment"))
        assert "payment" in shown and "requested" in shown
        shown = done(stack.script("resync", "--local", "--quarantined", "payment"))
        assert "fact_payment" in shown and quarantined(stack) == 0
    assert "no row of payment" in stack.script("resync", "--local", "--quarantined", "payment").stderr
    stack.arrives()


def quarantined(stack: LocalStack) -> int:
    tables = json.loads(stack.script("status", "--local", "--json", "fact_payment").stdout)["tables"]
    return int(tables[0]["quarantined"])


def test_a_reconcile_while_trade_goes_on_names_and_mends_what_was_damaged(stack: LocalStack) -> None:
    stack.extract()
    stack.arrives()
    warehouse = stack.warehouse()
    latest = "SELECT max(payment_record_id) FROM fact_payment WHERE payment_id BETWEEN 31 AND 40 GROUP BY payment_id"
    warehouse.run(f"UPDATE fact_payment SET payment_amount = -1 WHERE payment_record_id IN ({latest})")
    warehouse.run("DELETE FROM fact_sales_order WHERE sales_order_id BETWEEN 11 AND 20")
    warehouse.run("UPDATE dim_transaction SET transaction_type = 'x' WHERE transaction_id BETWEEN 21 AND 30")
    warehouse.close()
    stack.change("DELETE FROM payment WHERE payment_id BETWEEN 51 AND 60")
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id BETWEEN 61 AND 70")
    stack.change("UPDATE purchase_order SET item_quantity = item_quantity + 1")
    # Two of them at once: the second finds nothing more.
    with ThreadPoolExecutor(2) as both:
        answers = [both.submit(stack.script, "reconcile", "--local", "--json") for _ in range(2)]
        runs = sorted((json.loads(done(answer.result())) for answer in answers), key=lambda each: each["run"])
    found = [{each["table"]: each["named"] for each in answer["targets"] if each["named"]} for answer in runs]
    sold = sorted(map(str, in_source(stack, "sales_order", 11, 20)))
    assert found[1] == {}
    assert found[0] == {
        "dim_transaction": {"differing": [str(key) for key in range(21, 31)]},
        "fact_payment": {
            "differing": [str(key) for key in range(31, 41)],
            "gone": [str(key) for key in range(51, 61)],
        },
        "fact_sales_order": {"missing": sold},
    }, runs
    assert stack.differing() == []
    assert f"run {runs[1]['run']}, " in done(stack.script("reconcile", "--local", "--last"))


def in_source(stack: LocalStack, table: str, first: int, last: int) -> list[int]:
    source = stack.source()
    try:
        rows = source.run(f"SELECT {table}_id FROM {table} WHERE {table}_id BETWEEN {first} AND {last}") or []
        return [key for (key,) in rows]
    finally:
        source.close()


def test_paused_nothing_moves_and_resumed_nothing_was_lost(stack: LocalStack) -> None:
    stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 2")
    run = stack.extract()
    done(stack.script("pause", "--local"))
    assert "since" in stack.script("pause", "--local").stderr
    # What was in the middle of the road when it was paused: another change, extracted by hand.
    stack.change("UPDATE staff SET first_name = 'Paused' WHERE staff_id = 2")
    stack.extract()
    shown = stack.script("status", "--local")
    assert (shown.returncode, "paused since" in shown.stdout) == (3, True)
    # Else the alarm watch-silent would ring.
    assert stack.aws("events").describe_rule(Name=stack.names.function("watch"))["State"] == "ENABLED"
    refused(stack.script("resync", "--local", "payment"), 1, "run infra_bash/resume.sh --local first")
    refused(stack.script("reconcile", "--local"), 1, "the pipeline is paused since")
    settled(stack)
    before = everything(stack)
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 9")
    preview = json.loads(done(stack.script("preview", "--local", "--json")))["runs"]
    assert [(table["table"], table["rows"]) for table in preview[0]["tables"]] == [("payment", 1)]
    assert "payment" in done(stack.script("preview", "--local"))
    assert everything(stack) == before
    assert "12 event sources" in stack.script("resume", "--local").stderr
    assert "0 event sources" in stack.script("resume", "--local").stderr
    assert run and stack.extract()
    stack.arrives()


def settled(stack: LocalStack) -> None:
    """Whatever was at work when the flow was paused has ended."""
    seen: list[Any] = [None]

    def is_still() -> bool:
        seen.append(everything(stack))
        return bool(seen[-1] == seen[-2])

    wait_for(is_still, "the flow to stand still")


WATCHES = ("health/watch.json", "health/asked.json")


def everything(stack: LocalStack) -> dict[str, object]:
    """All that the stack keeps: objects, queues, the warehouse. But what watch writes, which goes on looking."""
    s3 = stack.aws("s3")
    state: dict[str, object] = {}
    for noun in ("ingestion", "processed"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=stack.names.bucket(noun))
        found = [item for page in pages for item in page.get("Contents", ())]
        state[noun] = sorted((o["Key"], o["ETag"]) for o in found if o["Key"] not in WATCHES)
    sqs = stack.aws("sqs")
    for url in sqs.list_queues(QueueNamePrefix=stack.names.prefix)["QueueUrls"]:
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        state[url] = sorted((name, value) for name, value in attributes.items() if name.startswith("Approximate"))
    for table in (*TARGETS, "etl_ledger", "etl_log"):
        state[table] = stack.ask(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t")
    return state


def test_wrong_use_is_one_line(stack: LocalStack) -> None:
    refused(stack.script("resync", "--local", "fact_payment"), 2, "it is made from: payment")
    refused(stack.script("resync", "--local", "paymnt"), 2, "did you mean payment?")
    refused(stack.script("resync", "--local"), 2, "TABLE is missing (source tables)")
    refused(stack.script("resync", "--local", "--keys", "1", "payment", "staff"), 2, "the rows of one table")
    refused(stack.script("resync", "--local", "--keys", "a", "payment"), 2, "whole numbers")
    refused(stack.script("reconcile", "--local", "dim_staff"), 2, "it is made from: staff, department")
    refused(stack.script("catalogue", "--local", "dim_staff"), 2, "it is made from: staff, department")
    assert "run 99999 is not in the run log" in stack.invoke("inspect", {"do": "run", "run": 99999})["errorMessage"]


def test_a_stack_that_is_not_there_is_said_to_be(stack: LocalStack, tmp_path: Any) -> None:
    lines = (stack.folder / "settings.env").read_text()
    (tmp_path / "other.env").write_text(lines.replace("STAGE=local", "STAGE=nowhere"))
    for name in ("preview", "catalogue", "resync", "reconcile", "pause", "resume"):
        tables = ["payment"] if name == "resync" else []
        refused(stack.script(name, "--settings", str(tmp_path / "other.env"), *tables), 1, "infra_bash/deploy.sh")


def test_a_foreign_table_is_proposed_as_contributing_shows_it(stack: LocalStack) -> None:
    stack.change(SUPPLIER)
    try:
        shown = transcript(GUIDE.read_text(), "--propose")
        assert done(stack.script("catalogue", "--local", "--propose", "supplier")) == shown.split("\n", 1)[1]
        assert "fact_supplier.py" in done(stack.script("catalogue", "--local", "--propose", "supplier", "--fact"))
        refused(stack.script("catalogue", "--local", "--propose", "suplier"), 1, "(did you mean supplier?)")
    finally:
        stack.change("DROP TABLE supplier")
