"""The AWS CLI, version 2: the same scripts ask the same of AWS, and read the same in its answers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import cli_v2, transcript
from tests.stack.conftest import SOURCE, new_stack
from tests.stack.stack import LocalStack

CHANGED = re.compile(r"^(?:create|update|delete) +(?!\.venv ).*", re.MULTILINE)


@pytest.fixture
def v2_stack() -> Iterator[LocalStack]:
    with new_stack() as made:
        yield made


def changed(stderr: str) -> list[str]:
    return CHANGED.findall(stderr)


def again(stderr: str) -> list[str]:
    """What a second deploy changes. This version asks for alarms as MiniStack answers by half."""
    return [line for line in changed(stderr) if not line.startswith("update  alarm ")]


@pytest.mark.soak
def test_version_2_builds_asks_and_takes_away_what_version_1_does(
    stack: LocalStack, first_calls: Path, v2_stack: LocalStack, tmp_path: Path
) -> None:
    noted = transcript.to(tmp_path / "v2.db")
    with cli_v2.loaded(tmp_path, **noted) as aws:
        v2 = {**noted, "TOTESTREAM_AWS": str(aws)}
        v2_stack.deploy(*SOURCE, **v2)
        assert transcript.differing(first_calls, tmp_path / "v2.db") == []
        v2_stack.arrives()
        assert again(v2_stack.deploy(**v2).stderr) == []
        assert "\nTABLE " in v2_stack.script("status", "--local", **v2).stdout
        gone = v2_stack.script("teardown", "--local", "--with-data", typed="local\n", **v2)
        assert gone.returncode == 0 and changed(gone.stderr)
    gone = v2_stack.script("teardown", "--local", "--with-data")
    assert gone.returncode == 0 and changed(gone.stderr) == []


@pytest.mark.soak
def test_version_2_as_people_have_it(v2_stack: LocalStack, tmp_path: Path) -> None:
    v2 = {"TOTESTREAM_AWS": str(cli_v2.plain(tmp_path))}
    v2_stack.deploy(*SOURCE, **v2)
    assert again(v2_stack.deploy(**v2).stderr) == []
