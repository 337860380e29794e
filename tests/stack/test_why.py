"""why.sh on the deployed stack, with no more rights than its function has."""

import json
from typing import Any

from tests.stack.stack import LocalStack, wait_for


def told(stack: LocalStack, *arguments: str) -> Any:
    done = stack.script("why", "--local", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_changed_payment_is_followed_back_and_forward(stack: LocalStack) -> None:
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 11")
    run = stack.extract()
    stack.arrives()
    [newest, *_] = stack.ask("SELECT max(payment_record_id) FROM fact_payment WHERE payment_id = 11")
    chain = told(stack, "fact_payment", str(newest[0]))
    assert (chain["key"], chain["notes"]) == ("11", [])
    # The schedule may have been quicker than we were.
    assert 1 < chain["load"]["run"] <= run
    assert chain["manifest"]["as_loaded"] and chain["runs"][0]["published_at"]
    for noun, part in (("processed", chain["part"]), ("ingestion", chain["batches"][0]["part"])):
        assert stack.get(noun, part["key"])
    [arrival] = told(stack, "payment", "11")["arrivals"]
    assert (
        arrival["versions"][-1]["id"] == chain["id"] and arrival["versions"][-1]["cause"] == chain["runs"][0]["cause"]
    )
    assert told(stack, "fact_payment", "--business", "11")["arrivals"] == [arrival]
    shown = stack.script("why", "--local", "dim_staff", "1")
    assert shown.returncode == 0 and shown.stdout.startswith("dim_staff, record 1, key 1 (times are UTC)\nloaded "), (
        shown.stderr
    )
    for word in ("manifest ", "  part ", "batch ", "run ", "  snapshot ", "  message "):
        assert f"\n{word}" in shown.stdout


def test_the_logs_of_a_table_say_what_became_of_a_run(stack: LocalStack) -> None:
    stack.change("UPDATE design SET file_location = file_location || '.' WHERE design_id = 6")
    stack.extract()
    stack.arrives()
    # The schedule may have been quicker than we were.
    [[run]] = stack.ask("SELECT max(run) FROM etl_ledger WHERE table_name = 'dim_design'")

    def said() -> list[Any]:
        shown = stack.script("logs", "--local", "--run", str(run), "dim_design")
        assert shown.returncode == 0, shown.stderr
        return [json.loads(line.split("  ", 1)[1]) for line in shown.stdout.splitlines()]

    wait_for(lambda: {"table was transformed", "manifest loaded"} <= {each["message"] for each in said()}, "both lines")
    assert {(each["run"], each["table"]) for each in said()} == {(run, "dim_design")}


def test_a_record_that_does_not_exist_is_one_line(stack: LocalStack) -> None:
    failed = stack.script("why", "--local", "fact_payment", "99999")
    name = stack.names.function("inspect")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == f"FAILED  {name}: no record 99999 in fact_payment\n"


def test_a_stack_without_its_function_says_what_to_run(stack: LocalStack) -> None:
    failed = stack.script("why", "--local", "fact_payment", "1", STAGE="elsewhere")
    assert failed.returncode == 1
    [line] = failed.stderr.splitlines()
    assert line.endswith("deploy this stack first: infra_bash/deploy.sh")
