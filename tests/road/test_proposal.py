"""The proposal of a foreign table, pasted as it is into a copy of the tree, where it is checked, run and compared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops.proposal.propose import text
from ops.proposal.table import proposed
from shared.source.preview import compare
from tests.recipe import paste
from tests.shared.source.test_extract import Stack, owner, stack
from tests.stack.checkout import copied

__all__ = ["owner", "stack"]

# Each kind of column; names that are long, in two cases or words of SQL; a key of another name; a column that is left
# out; names that a fact's history has itself.
FOREIGN = {
    "supplier": """CREATE TABLE supplier (
        note uuid, id serial PRIMARY KEY, "legalName" varchar(80) NOT NULL, opened date NOT NULL, opens_at time,
        rate numeric(12,4) NOT NULL, score numeric(8,1), is_active boolean NOT NULL, employees integer,
        a_column_with_a_name_that_is_almost_as_long_as_postgresql_takes text, valid_from timestamp,
        created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, last_updated timestamp(3) NOT NULL)""",
    "delivery": """CREATE TABLE delivery (
        delivery_id serial PRIMARY KEY, staff_id integer NOT NULL REFERENCES staff,
        address_id integer REFERENCES address, sales_order_id integer NOT NULL REFERENCES sales_order,
        "end" integer, valid_from timestamp, deleted_at timestamp,
        fee numeric(10,2) NOT NULL, weight numeric(12,4), day date NOT NULL, at time NOT NULL, carrier text,
        created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, last_updated timestamp(3) NOT NULL)""",
}
MOST_FILES = 4
PYTEST = ("pytest", "-q", "-n0", "-p", "no:cacheprovider")
CHOSEN = "first_load or test_registry"


def run(tree: Path, *command: str) -> str:
    """Run a module in the tree, with its code alone."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_what_is_proposed_is_pasted_and_works(stack: Stack, tmp_path: Path) -> None:
    tree, files = copied(tmp_path), {}
    for name, create in FOREIGN.items():
        stack.totesys.owner().run(create)
        described = json.loads(json.dumps(compare(stack.outside(), name)))["described"]
        printed = text(proposed(described), described["grant"])
        assert f"GRANT SELECT ON public.{name} TO {stack.totesys.login_name}" in printed
        files[name] = paste(printed, tree)
    assert {name: len(paths) for name, paths in files.items()} == dict.fromkeys(FOREIGN, MOST_FILES)
    python = sorted({path for paths in files.values() for path in paths if path.endswith(".py")})
    run(tree, "ruff", "format", "--check", *python)
    run(tree, "ruff", "check", *python)
    run(tree, "mypy", *python)
    # The test that the proposal names: the tests' source has rows of it, and the warehouse has what the oracle says.
    run(tree, *PYTEST, "tests/road/test_oracle.py", "tests/shared/warehouse/test_registry.py", "-k", CHOSEN)
    # And that test can fail.
    oracle = tree / "tests/oracle/dim_supplier.sql"
    oracle.write_text(oracle.read_text().replace('FROM public."supplier"', 'FROM public."supplier" WHERE "id" <> 2'))
    with pytest.raises(AssertionError, match="dim_supplier"):
        run(tree, *PYTEST, "tests/road/test_oracle.py", "-k", CHOSEN)
