"""Print the declarations of a source table that the catalogue does not have, for catalogue.sh --propose: extract's
answer as JSON from stdin. Exits with 1 when there can be none; what a person can do is printed in both cases.

python -m ops.proposal.propose TABLE [fact | dimension]
"""

import sys
from collections.abc import Iterator
from typing import Any

from ops.proposal.blocks import blocks
from ops.proposal.table import ProposedTable, proposed
from ops.screens.terminal import read_answer
from ops.tables import unknown

Answer = dict[str, Any]
FAILED = 1
TEST = ".venv/bin/python -m pytest tests/road/test_oracle.py"


def text(table: ProposedTable, grant: str = "") -> str:
    """Return what is left out and why, then each text below the place where it goes."""
    return "\n".join([*_words(table, grant), *([] if table.problems else _blocks(table))])


def _words(table: ProposedTable, grant: str) -> Iterator[str]:
    if table.problems:
        yield f"{table.name} cannot be declared:"
        yield from (f"  {problem}" for problem in table.problems)
    else:
        yield f"{table.name}: {_kind(table)}, since {table.why}."
        other = "--fact" if table.is_reference else "--dimension"
        yield f"{other} makes it a {'transactional' if table.is_reference else 'reference'} table."
    if grant and not table.problems:
        yield f"Needed first, from the source's owner: {grant}"
    for each in table.left_out:
        yield f"left out: {each.name}; {each.why}"
        yield f"  the source's owner can run: {each.statement}"
    if table.left_out:
        yield "Extract ignores what is left out. A number needs as many digits as its values have, 18 at most;"
        yield "shared/columns.py says how to write a kind of column for another type."


def _kind(table: ProposedTable) -> str:
    return "a reference table, for a dimension" if table.is_reference else "a transactional table, for a fact"


def _blocks(table: ProposedTable) -> Iterator[str]:
    for block in blocks(table):
        place = f", {block.place}" if block.place else ", a new file"
        yield f"\n==== {block.path}{place}\n{block.text.rstrip()}"
    yield f"\n==== Test it, then deploy\n{TEST}"


def missing(name: str, undeclared: list[str]) -> str:
    """Return that the source has no such table, and which it has that the catalogue lacks."""
    if not undeclared:
        return f"the source has no table {name} in its schema public, and none that the catalogue lacks"
    return unknown("new source", name, undeclared)


def main() -> int:
    name, *kind = sys.argv[1:]
    received = read_answer(sys.stdin)
    if "described" not in received:
        print("FAILED  the deployed extract function cannot describe a table; deploy first", file=sys.stderr)
        return FAILED
    described: Answer | None = received["described"]
    if described is None:
        print(f"FAILED  {missing(name, received['undeclared'])}", file=sys.stderr)
        return FAILED
    table = proposed(described, *kind)
    print(text(table, described["grant"]))
    return FAILED if table.problems else 0


if __name__ == "__main__":
    sys.exit(main())
