"""The glossary of docs/design.md is complete: what operators and readers meet by name has an entry."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest

from ops.screens import status
from shared.alerts.documents import Event
from shared.lake import keys
from shared.lake.documents import Mode
from shared.wording.incidents import KINDS
from tests.test_docs import ROOT

pytestmark = pytest.mark.fast

PAGE = (ROOT / "docs/design.md").read_text()
GLOSSARY = PAGE.split("\n## Glossary\n", 1)[1].split("\n## ")[0]
ROWS = re.findall(r"^\| (?!term \|)([^|]+) \| (.+) \|$", GLOSSARY, re.MULTILINE)
TERMS = [term.strip(" `") for cell, _ in ROWS for term in cell.split(", ")]
# A word of a definition that stands in code or emphasis is defined there as well.
DEFINED = {*TERMS, *(word for _, text in ROWS for word in re.findall(r"[`*]([\w/ ]+)[`*]", text))}


def stems(pattern: str) -> Iterator[str]:
    """Yield the names of the files and folders that match, without their suffixes."""
    for path in sorted(ROOT.glob(pattern)):
        if not path.name.startswith("_"):
            yield path.stem


NAMES = {
    "a table of the ledger": {
        name
        for path in (ROOT / "shared").rglob("*.py")
        for name in re.findall(r'^    "(etl_\w+)",$', path.read_text(), re.M)
    },
    "a package or module of shared": set(stems("shared/*")),
    "a function": set(stems("handlers/*.py")),
    "a command": set(stems("infra_bash/*.sh")),
    "a kind of incident": {kind.name for kind in KINDS},
    "an event of an incident": set(get_args(Event)),
    "a mode of a batch": set(get_args(Mode)),
    "a folder of a bucket": {value for value in vars(keys).values() if re.fullmatch(r"\w+/", str(value))},
    "a column of status.sh": {
        column
        for value in vars(status).values()
        if isinstance(value, tuple)
        for column in value
        if isinstance(column, str) and re.fullmatch(r"[A-Z][A-Z ]+", column)
    },
}


@pytest.mark.parametrize("kind", NAMES)
def test_the_glossary_has(kind: str) -> None:
    assert NAMES[kind], "nothing was found, so nothing was compared"
    assert sorted(NAMES[kind] - DEFINED) == []


def test_a_term_has_one_entry() -> None:
    """One word, one thing. A kind of incident may be explained beside the state that it is about."""
    twice = {term for term in TERMS if TERMS.count(term) > 1}
    assert twice == set()
