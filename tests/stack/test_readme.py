"""The README's commands, run as they stand there."""

import re

from shared.warehouse.registry import TARGETS
from tests.stack.stack import ROOT, LocalStack

README = (ROOT / "README.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_the_commands(stack: LocalStack) -> None:
    """In the README's order; the tests are what is running. What was stopped is where it was when it starts again."""
    assert commands()[0] == "./infra_bash/deploy.sh --local" and commands()[-1] == "./infra_bash/test.sh"
    for command in commands()[1:-1]:
        path, *arguments = command.split()
        name = path.removeprefix("./infra_bash/").removesuffix(".sh")
        done = stack.script(name, *arguments)
        # Whether all is well is another question than whether the command is right.
        assert done.returncode in ((0, 3) if name == "status" else (0,)), (command, done.stderr)
        if name == "status":
            assert all(re.search(rf"^{table}\s", done.stdout, re.MULTILINE) for table in TARGETS)
    done = stack.deploy()
    assert all(re.search(rf"^{table}\s", done.stdout, re.MULTILINE) for table in TARGETS)
    stack.change("UPDATE payment SET paid = NOT paid WHERE payment_id = 4")
    stack.extract()
    stack.arrives()


def queries() -> list[tuple[str, list[str]]]:
    """Each query of the README or of a page in docs/, with the columns of the result that stands there."""
    pages = [README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]
    found = [pair for page in pages for pair in re.findall(r"```sql\n([^`]*;)\n```\n\n +([^\n]*)\n", page)]
    return [(query, columns(header)) for query, header in found]


def columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def test_the_queries(stack: LocalStack) -> None:
    """As a person types them into psql; the sale that stands there is one that was changed here."""
    stack.change("UPDATE sales_order SET staff_id = staff_id % 20 + 1 WHERE sales_order_id = 8")
    stack.change("DELETE FROM payment WHERE payment_id = 12")
    stack.extract()
    stack.arrives()
    sales, owners, due, deleted = (rows_of(stack, query.replace("3575", "8"), header) for query, header in queries())
    assert owners[-1][0] != owners[-2][0] and (owners[-1][2], owners[-2][2]) == ("", owners[-1][1])
    assert sales and due and "12" in [payment for payment, *_ in deleted]
    asked = "SELECT count(*) FILTER (WHERE payment_date < current_date) FROM current_fact_payment WHERE NOT paid"
    assert sum(int(row[4]) for row in due) == stack.ask(asked)[0][0]


def rows_of(stack: LocalStack, query: str, header: list[str]) -> list[list[str]]:
    done = stack.script("local", "psql", typed=query)
    assert (done.returncode, done.stderr) == (0, ""), query
    first, _, *rows = [columns(line) for line in done.stdout.splitlines() if not re.match(r"\(\d+ rows?\)", line)]
    assert first == header, query
    return [row for row in rows if row != [""]]


def test_ci_is_the_readmes_test_command() -> None:
    assert commands()[-1].removeprefix("./") in (ROOT / ".ci/run").read_text()
