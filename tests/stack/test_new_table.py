"""CONTRIBUTING.md's recipes, followed to the letter in a checkout of their own, on the stack that runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipe import GUIDE, block, module, module_path, paste, transcript
from tests.stack.checkout import copied
from tests.stack.stack import LocalStack, wait_for
from tests.stack.test_bad_input import send

COUNTRY, SUPPLIER = "dim_recipe", "dim_supplier"
SUPPLIERS = """
    CREATE TABLE supplier (
        supplier_id serial PRIMARY KEY, supplier_name text NOT NULL, city text NOT NULL, opened date,
        rating real, created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, last_updated timestamp(3) NOT NULL);
    INSERT INTO supplier (supplier_name, city, last_updated) VALUES ('Loom', 'Ayr', now()), ('Hemp', 'Oban', now());
    GRANT SELECT ON supplier TO totestream_extract"""
THERE = {
    COUNTRY: "SELECT country, addresses FROM dim_recipe WHERE country NOT IN"
    " (SELECT key FROM etl_text_deletion WHERE table_name = 'dim_recipe' AND ended_at IS NULL)",
    SUPPLIER: "SELECT supplier_id, supplier_name, city FROM dim_supplier WHERE supplier_id NOT IN"
    " (SELECT key FROM etl_deletion WHERE table_name = 'dim_supplier' AND ended_at IS NULL)",
}


@pytest.fixture
def copy(stack: LocalStack, tmp_path: Path) -> Iterator[LocalStack]:
    """The same stack, deployed from a checkout of its own; the world is as before when it is done."""
    own = LocalStack(stack.folder, copied(tmp_path))
    own.read_settings()
    stack.change(SUPPLIERS)
    try:
        yield own
    finally:
        if is_deployed(stack, COUNTRY):
            stack.deploy()
        stack.change("DROP TABLE supplier")
        warehouse = stack.warehouse()
        warehouse.run(f"DROP TABLE IF EXISTS {COUNTRY}, {SUPPLIER}")
        warehouse.close()


def is_deployed(stack: LocalStack, table: str) -> bool:
    functions = stack.aws("lambda").get_paginator("list_functions").paginate()
    return stack.names.transform(table) in [each["FunctionName"] for page in functions for each in page["Functions"]]


def follow(copy: LocalStack) -> list[str]:
    """Return the files that it touches."""
    (copy.checkout / module_path(COUNTRY)).write_text(module("dim_country", COUNTRY))
    return [module_path(COUNTRY), *paste(transcript(GUIDE.read_text(), "--propose"), copy.checkout)]


def take_back(paths: list[str], copy: LocalStack, stack: LocalStack) -> None:
    for path in paths:
        if (stack.checkout / path).exists():
            (copy.checkout / path).write_text((stack.checkout / path).read_text())
        else:
            (copy.checkout / path).unlink()


def expected(stack: LocalStack, table: str) -> list[str]:
    oracle = {
        COUNTRY: block("tests/oracle/dim_country.sql"),
        SUPPLIER: "SELECT supplier_id, supplier_name, city FROM supplier",
    }
    source = stack.source()
    try:
        return sorted(map(repr, source.run(oracle[table]) or []))
    finally:
        source.close()


def is_right(stack: LocalStack, table: str) -> bool:
    return sorted(map(repr, stack.ask(THERE[table]))) == expected(stack, table)


def both_arrive(stack: LocalStack) -> None:
    stack.extract()
    for table in (COUNTRY, SUPPLIER):
        wait_for(lambda table=table: is_right(stack, table), f"{table} to be as the oracle says")  # type: ignore[misc]


def retired(stack: LocalStack, output: str) -> dict[str, list[str]]:
    """Per table, the lines that tell what goes and what stays, without the names' common beginning."""
    lines = [line.replace(f"{stack.names.prefix}-", "") for line in output.splitlines()]
    told = [re.sub(r"^(delete|keep) +", r"\1 ", line) for line in lines if re.match(r"delete |keep ", line)]
    return {table: [line for line in told if table in line] for table in (COUNTRY, SUPPLIER)}


def gone(table: str, note: str = "") -> list[str]:
    return [
        f"delete mapping transform-{table}",
        f"delete function transform-{table}",
        f"delete subscription {table}",
        f"delete queue {table}",
        f"delete queue {table}-dlq{note}",
        f"delete log group /aws/lambda/transform-{table}",
        f"delete role policy transform-{table}",
        f"delete role transform-{table}",
        f"keep table {table} stays in the warehouse; it is no longer filled",
    ]


def writes(output: str) -> list[str]:
    return [line for line in output.splitlines() if re.match(r"create |update |delete |keep ", line)]


@pytest.mark.soak
def test_a_warehouse_table_and_a_source_table(stack: LocalStack, copy: LocalStack) -> None:
    stack.change("UPDATE address SET country = 'Chad' WHERE address_id IN (1, 2)")
    touched = follow(copy)
    done = copy.deploy()
    for table in (COUNTRY, SUPPLIER):
        for made in (f"queue NAME-{table}", f"dead letter queue NAME-{table}-dlq", f"function NAME-transform-{table}"):
            assert f"create  {made.replace('NAME', stack.names.prefix)}" in done.stderr.splitlines()
        assert re.search(rf"^{table} +([1-9]\d*) +\1 ", done.stdout, re.MULTILINE)
        assert is_right(stack, table)

    # Live: a country's last address leaves it, a supplier comes, another goes.
    stack.change("UPDATE address SET country = 'Chad' WHERE address_id = 3")
    stack.change("INSERT INTO supplier (supplier_name, city, last_updated) VALUES ('Jute', 'Ayr', now())")
    stack.change("DELETE FROM supplier WHERE supplier_id = 1")
    both_arrive(stack)

    send(stack, COUNTRY, "not json")
    dead_letters = copy.aws("sqs").get_queue_url(QueueName=stack.names.dead_letter_queue(COUNTRY))["QueueUrl"]
    wait_for(lambda: count(copy, dead_letters) == 1, "a dead letter")
    take_back(touched, copy, stack)
    told = {COUNTRY: gone(COUNTRY, " with 1 dead letter"), SUPPLIER: gone(SUPPLIER)}
    assert retired(stack, copy.script("deploy", "--local", "--dry-run").stderr) == told
    done = copy.deploy()
    assert retired(stack, done.stderr) == told
    assert not re.search(rf"^({COUNTRY}|{SUPPLIER}) ", done.stdout, re.MULTILINE)
    assert all(is_right(stack, table) for table in (COUNTRY, SUPPLIER))
    assert writes(stack.script("deploy", "--local", "--dry-run").stderr) == []


def count(stack: LocalStack, queue_url: str) -> int:
    name = "ApproximateNumberOfMessages"
    answer = stack.aws("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])
