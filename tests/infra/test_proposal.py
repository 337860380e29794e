"""catalogue.sh --propose: the declarations of a table of a real PostgreSQL, and what cannot be carried."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pg8000.native
import pytest

from ops.proposal.blocks import blocks
from ops.proposal.propose import missing, text
from ops.proposal.table import ProposedTable, proposed
from shared.catalogue import TABLES
from shared.source.preview import compare
from tests.infra.scripts import ROOT, run, settings_file
from tests.recipe import GUIDE, transcript
from tests.shared.source.test_extract import Stack, owner, stack

pytestmark = pytest.mark.fast
__all__ = ["owner", "stack"]

# Somebody may have added the example by now.
SUPPLIER = """DROP TABLE IF EXISTS supplier; CREATE TABLE supplier (
    supplier_id serial PRIMARY KEY, supplier_name text NOT NULL, city text NOT NULL, opened date, rating real,
    created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, last_updated timestamp(3) NOT NULL)"""
HOSTILE = """CREATE TABLE hostile (
    hostile_id integer PRIMARY KEY, a smallint, b bigint, c real, d double precision, e numeric, f numeric(20,2),
    g numeric(12,4), h timestamptz, i timetz, j uuid, k jsonb, l text[], m character(3), n bytea, o money, p inet,
    q interval, r character varying(5), "Net Weight" integer, "camelCase" integer, _unreadable text)"""


def described(stack: Stack, name: str) -> dict[str, Any] | None:
    """What extract answers about it."""
    answer = json.loads(json.dumps(compare(stack.outside(), name)))
    assert {each["table"] for each in answer["tables"]} == set(TABLES)
    found: dict[str, Any] | None = answer["described"]
    return found


def propose(stack: Stack, name: str, kind: str = "") -> ProposedTable:
    found = described(stack, name)
    assert found
    return proposed(found, kind)


def statement(words: str) -> str:
    """What the source's owner is to run."""
    return words.split("can run: ")[-1]


@pytest.mark.parametrize("name", TABLES)
def test_what_the_catalogue_has_is_what_would_be_proposed(stack: Stack, name: str) -> None:
    table, declared = propose(stack, name), TABLES[name]
    assert (table.key, table.problems, table.left_out) == (declared.key, (), ())
    columns = {column.name: (column.kind, column.nullable) for column in table.columns}
    assert columns == {each.name: (each.kind, each.nullable) for each in declared.columns if each.name != declared.key}


def test_a_fact_refers_to_dimensions_and_a_dimension_is_named_for_its_table(stack: Stack) -> None:
    assert {each.name: each.dimension for each in propose(stack, "sales_order").columns if each.dimension} == {
        "design_id": ("dim_design", "design_id"),
        "staff_id": ("dim_staff", "staff_id"),
        "counterparty_id": ("dim_counterparty", "counterparty_id"),
        "currency_id": ("dim_currency", "currency_id"),
        "agreed_delivery_location_id": ("dim_location", "location_id"),
    }
    assert propose(stack, "payment").target == "fact_payment"
    assert propose(stack, "payment", "dimension").target == "dim_payment"
    assert propose(stack, "design").target == "dim_design"


def test_a_large_table_is_read_by_its_changes(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(SUPPLIER)
    assert propose(stack, "supplier").is_reference
    owner.run(
        "INSERT INTO supplier (supplier_name, city, last_updated) SELECT repeat('x', 100), '', now()"
        " FROM generate_series(1, 10000)"
    )
    assert not propose(stack, "supplier").is_reference


def test_what_no_kind_carries_is_left_out_by_name_and_its_statement_helps(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    owner.run(HOSTILE)
    table = propose(stack, "hostile")
    assert [each.name for each in table.columns] == ["g", "r", "camelCase"]
    assert [each.name for each in table.left_out] == [*"abcdefhijklmnopq", "Net Weight", "_unreadable"]
    said = text(table)
    for type_ in (
        "TYPE integer\n",
        "TYPE numeric(18,0)\n",
        "TYPE numeric(18,2)\n",
        "TYPE numeric(18,6)\n",
        "TYPE text\n",
        "AT TIME ZONE 'UTC'\n",
    ):
        assert type_ in said
    for each in table.left_out:
        assert f"left out: {each.name}; " in said and each.statement in said
        owner.run(each.statement)
    repaired = propose(stack, "hostile")
    assert (repaired.left_out, repaired.problems) == ((), ())
    assert len(repaired.columns) == 21


@pytest.mark.parametrize(
    ("table", "create", "why"),
    [
        ("keyless", "CREATE TABLE keyless (a integer)", "it has no primary key"),
        (
            "pair",
            "CREATE TABLE pair (a integer, b integer, PRIMARY KEY (a, b))",
            "its primary key is of 2 columns (a, b)",
        ),
        ("big", "CREATE TABLE big (big_id bigint PRIMARY KEY)", "its primary key big_id is bigint"),
        ("named", "CREATE TABLE named (code text PRIMARY KEY)", "its primary key code is text"),
    ],
)
def test_a_table_without_a_key_that_extract_can_use(
    stack: Stack, owner: pg8000.native.Connection, table: str, create: str, why: str
) -> None:
    owner.run(create)
    [problem] = propose(stack, table).problems
    assert problem.startswith(why)
    assert "====" not in text(propose(stack, table))
    owner.run(statement(problem))
    assert propose(stack, table).problems == ()


@pytest.mark.parametrize("name", ["Order Line", "class", "Größe"])
def test_a_name_that_python_cannot_have(stack: Stack, owner: pg8000.native.Connection, name: str) -> None:
    owner.run(f'CREATE TABLE "{name}" (id integer PRIMARY KEY)')
    [problem] = propose(stack, name).problems
    assert problem.startswith("its name becomes a parameter")
    owner.run(statement(problem))
    new = problem.split()[-1].strip('"')
    assert propose(stack, new).problems == ()


def test_a_view_cannot_be_read(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run("CREATE VIEW seen AS SELECT * FROM staff")
    assert propose(stack, "seen").problems[0] == (
        "table seen is a view, whose rows do not show which transaction made them"
    )


def test_a_table_that_is_not_there(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(HOSTILE)
    undeclared = compare(stack.outside(), "hostil")["undeclared"]
    assert described(stack, "hostil") is None
    assert "(did you mean hostile?)" in missing("hostil", undeclared)
    assert set(undeclared) == {"hostile", "_prisma_migrations"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"tables": []}, "deploy first"),
        ({"described": None, "undeclared": ["supplier"]}, "(did you mean supplier?)"),
        ({"described": None, "undeclared": []}, "none that the catalogue lacks"),
    ],
)
def test_without_a_description_one_line_says_why(answer: dict[str, Any], words: str) -> None:
    """The first answer is that of an extract function of the version before."""
    command = [sys.executable, "-m", "ops.proposal.propose", "suplier"]
    done = subprocess.run(command, input=json.dumps(answer), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith("FAILED  ") and words in done.stderr


def test_a_table_of_the_catalogue_is_refused(tmp_path: Path) -> None:
    refused = run("catalogue.sh", "--propose", "staff", "--settings", settings_file(tmp_path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("catalogue.sh: staff is in the catalogue; catalogue.sh staff compares it")


def test_a_name_of_a_warehouse_table_is_short_enough(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run("CREATE TABLE a_name_of_many_more_letters (id integer PRIMARY KEY)")
    assert propose(stack, "a_name_of_many_more_letters").target == "dim_a_name_of_many_more"


def test_contributing_shows_what_is_printed(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(SUPPLIER)
    found = described(stack, "supplier")
    assert found
    shown = text(proposed(found), found["grant"])
    assert f"$ ./infra_bash/catalogue.sh --local --propose supplier\n{shown}\n" in transcript(
        GUIDE.read_text(), "--propose"
    )


def test_the_blocks_name_four_files(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(SUPPLIER)
    assert {each.path.rpartition("/")[0] + "/" for each in blocks(propose(stack, "supplier"))} == {
        "shared/",
        "shared/warehouse/",
        "local/",
        "tests/oracle/",
    }
