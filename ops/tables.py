"""Check the names of tables that a person typed, and suggest similar ones.

    python -m ops.tables warehouse|source|fact|any|new NAME...

Prints a line about the first name that is not a table of that kind, or nothing.
"""

import sys
from collections.abc import Collection
from difflib import get_close_matches

from shared.catalogue import TABLES
from shared.warehouse.registry import TARGETS

# How similar, from 0 to 1, a name must be to be suggested: one or two wrong letters in the shortest name.
SIMILARITY = 0.75


def made_from(source: str) -> list[str]:
    """Return the warehouse tables that are made from a source table."""
    return [target.name for target in TARGETS.values() if source in target.sources]


def problem(kind: str, name: str) -> str:
    """Return what is wrong with `name`, "" when it is a table of `kind`; `any` is the warehouse's or the source's."""
    if kind == "any":
        return unknown("warehouse or source", name, [*TARGETS, *TABLES])
    if kind == "fact":
        return unknown(kind, name, [target.name for target in TARGETS.values() if target.kind == "fact"])
    if kind == "new":
        return f"{name} is in the catalogue; catalogue.sh {name} compares it with the source" if name in TABLES else ""
    if kind == "warehouse":
        if name in TABLES:
            return f"{name} is a source table; its warehouse tables are: {', '.join(made_from(name))}"
        return unknown(kind, name, TARGETS)
    if name in TARGETS:
        return f"{name} is a warehouse table; it is made from: {', '.join(TARGETS[name].sources)}"
    return unknown(kind, name, TABLES)


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    if name in known:
        return ""
    nearest = get_close_matches(name, known, n=1, cutoff=SIMILARITY)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return f"{name} is not a {kind} table{hint}; they are: {', '.join(known)}"


def main() -> None:
    kind, *names = sys.argv[1:]
    problems = [text for name in names if (text := problem(kind, name))]
    if problems:
        print(problems[0])


if __name__ == "__main__":
    main()
