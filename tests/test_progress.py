"""What a whole run says while it runs, and at its end."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import progress

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[1]
TESTS = """
import time, pytest
@pytest.mark.parametrize("number", range(22))
def test_quick(number):
    time.sleep(0.01)
def test_wrong():
    assert False
def test_slow():
    time.sleep(1)
@pytest.fixture
def broken():
    yield
    raise ValueError
def test_broken(broken):
    assert False
"""


@pytest.mark.parametrize("processes", ["0", "2"])
def test_lines_while_it_runs_failures_at_once_and_the_slowest_twenty(tmp_path: Path, processes: str) -> None:
    file = tmp_path / "test_some.py"
    file.write_text(TESTS)
    options = ["-q", "-p", "tests.progress", "--progress-every", "0.2", "-n", processes, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "/dev/null", "--rootdir", str(tmp_path), *options, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "\r" not in done.stdout
    said = done.stdout.splitlines()
    lines = [line for line in said if line.startswith("progress  ")]
    assert len(lines) >= 4, done.stdout
    assert re.fullmatch(r"progress  25 of 25 tests, 2 failed, 0 min \d\d s", lines[-1]), lines
    between = [line for line in lines if " of 25 tests, " in line and not line.startswith("progress  25 ")]
    assert between, lines
    told = [line for line in said if line.startswith("FAILED    ")]
    assert [re.sub(r"^FAILED +\S+::", "", line) for line in told] == ["test_wrong (call)", "test_broken (call)"]
    assert said.index(told[0]) < said.index(lines[-1])
    slowest = said.index(next(line for line in said if "slowest 20 durations" in line))
    assert "test_slow" in said[slowest + 1]
    assert "2 failed, 23 passed, 1 error" in said[-1]


def test_a_line_comes_at_least_every_twenty_seconds() -> None:
    assert progress.EVERY_S < 20
    assert progress.line(0, 0, 0, 3.2) == "progress  collecting tests, 0 failed, 0 min 03 s"
    assert progress.line(7, 900, 1, 125) == "progress  7 of 900 tests, 1 failed, 2 min 05 s"
