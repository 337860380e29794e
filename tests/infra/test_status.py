"""status.sh as a person at a terminal sees it, and how it goes on when a look fails."""

import json
import os
import pty
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT, run, settings_file
from tests.infra.test_screen import ILL, STATUS

pytestmark = pytest.mark.fast

# A script starts in a second or two, and a look of --watch comes five seconds after the one before.
LONGEST_S = 60


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "aws")


@contextmanager
def running(tmp_path: Path, aws: FakeAws, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run status.sh with a terminal as stdout; `stdout` reads what it writes there."""
    ours, theirs = pty.openpty()
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    command = [str(ROOT / "infra_bash/status.sh"), "--settings", settings_file(tmp_path), *arguments]
    with (tmp_path / "stderr").open("wb") as stderr:
        script = subprocess.Popen(command, env=clean | environment, stdout=theirs, stderr=stderr)
    os.close(theirs)
    script.stdout = os.fdopen(ours, "rb", buffering=0)
    try:
        yield script
    finally:
        script.terminate()
        script.wait(timeout=LONGEST_S)
        script.stdout.close()


def all_of(script: "subprocess.Popen[bytes]") -> str:
    """Return what it writes until it ends: Linux reports the end of a terminal as an error."""
    assert script.stdout
    said = b""
    try:
        while piece := script.stdout.read(4096):
            said += piece
    except OSError:
        pass
    return said.decode()


def on_a_terminal(tmp_path: Path, aws: FakeAws, *arguments: str, **environment: str) -> str:
    with running(tmp_path, aws, *arguments, **environment) as script:
        said = all_of(script)
        assert script.wait(timeout=LONGEST_S) == 3, (tmp_path / "stderr").read_text()
    return said


@pytest.mark.parametrize(
    ("arguments", "environment", "colours"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        # https://no-color.org: what is empty asks for nothing.
        ([], {"NO_COLOR": ""}, True),
        (["--json"], {}, False),
    ],
)
def test_a_terminal_has_colours_unless_it_wants_none(
    tmp_path: Path, aws: FakeAws, arguments: list[str], environment: dict[str, str], colours: bool
) -> None:
    aws.answers("lambda invoke", json.dumps(ILL))
    said = on_a_terminal(tmp_path, aws, *arguments, **environment)
    assert "dead letters fact_payment" in said
    assert ("\x1b[" in said) == colours


def test_a_pipe_has_no_colours(tmp_path: Path, aws: FakeAws) -> None:
    aws.answers("lambda invoke", json.dumps(ILL))
    done = run("status.sh", "--settings", settings_file(tmp_path), TOTESTREAM_AWS=str(aws.program))
    assert done.returncode == 3 and "dead letters fact_payment" in done.stdout and "\x1b" not in done.stdout


def test_a_look_that_fails_is_a_line_and_the_next_comes(tmp_path: Path, aws: FakeAws) -> None:
    aws.answers("lambda invoke", "!AccessDenied", json.dumps(STATUS))
    with running(tmp_path, aws, "--watch") as script:
        assert script.stdout
        deadline, said = time.monotonic() + LONGEST_S, b""
        while b"dim_staff" not in said:
            assert time.monotonic() < deadline and script.poll() is None, (tmp_path / "stderr").read_text()
            said += script.stdout.read(4096)
    [line] = (tmp_path / "stderr").read_text().splitlines()
    assert line.startswith("FAILED  lambda invoke: ") and "AccessDenied" in line
    assert said.count(b"\x1b[H\x1b[2J") == 1
