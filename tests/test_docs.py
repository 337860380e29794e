"""What the papers name is there."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

TESTS = Path(__file__).parent
NAMED = sorted(set(re.findall(r"[\w/]+/test_\w+\.py(?:::\w+)?", (TESTS.parent / "docs/reliability.md").read_text())))


@pytest.mark.parametrize("named", NAMED)
def test_each_proof_of_reliability_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert re.search(rf"^ *(?:def|class) {name}\b", (TESTS / file.removeprefix("tests/")).read_text(), re.MULTILINE)


def test_there_are_proofs() -> None:
    assert len(NAMED) > 30
