"""What a person reads of a deploy: at a terminal a line for each step and each surprise, in a pipe and in the log every
line, and a sum at the end."""

import os
import pty
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.infra.doors import run
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT

pytestmark = pytest.mark.fast

DEPLOY = """
    source infra_bash/lib/script.sh
    LOG=$1 LONG=$2
    [[ ! -t 2 ]] || IS_COMPACT=yes
    ensure_roles() {
      local number
      for number in 1 2 3; do
        COUNTER="roles $number/3"
        say create "role $number"
        COUNTER=''
        say ok "$LONG"
      done
      say ok "roles: 3"
    }
    step roles ensure_roles
    say update "queue of dim_staff (VisibilityTimeout)"
    say delete "rule of somebody"
    say_sum
"""
LONG = "a line that is longer than sixty columns would leave its end behind at a narrow terminal"
LINES = [
    *(line for number in (1, 2, 3) for line in (f"create  role {number}", f"ok      {LONG}")),
    "ok      roles: 3",
    "step    roles, 0.0 s",
    "update  queue of dim_staff (VisibilityTimeout)",
    "delete  rule of somebody",
]
SUM = "ok      3 created, 1 changed, 1 deleted in 0 s"


def without_seconds(lines: list[str]) -> list[str]:
    """The machine may be slow."""
    return [line.partition(" in ")[0] if line.startswith("ok      3 created") else line for line in lines]


def expected(*lines: str) -> list[str]:
    return without_seconds([*lines, SUM])


def test_in_a_pipe_and_in_the_log_there_is_every_line(tmp_path: Path) -> None:
    command = ["bash", "-c", DEPLOY, "deploy.sh", str(tmp_path / "log"), LONG]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert without_seconds(done.stderr.splitlines()) == expected(*LINES)
    assert without_seconds((tmp_path / "log").read_text().splitlines()) == expected(*LINES)


def test_at_a_terminal_there_is_a_line_a_step_with_a_counter_that_moves(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = ["bash", "-c", DEPLOY, "deploy.sh", str(tmp_path / "log"), LONG]
    with subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = read_all(ours)
    assert process.returncode == 0
    assert "roles 1/3" in output and "roles 3/3" in output
    assert max(map(len, re.split(r"[\r\n]+(?:\x1b\[K)?", output))) <= 8 + 60
    # What a line is after it was overwritten for the last time.
    shown = [line.rpartition("\r\x1b[K")[2] for line in output.replace("\r\n", "\n").rstrip().split("\n")]
    assert without_seconds(shown) == expected(*LINES[LINES.index("step    roles, 0.0 s") :])
    assert without_seconds((tmp_path / "log").read_text().splitlines()) == expected(*LINES)


def test_the_counter_says_how_far_a_kind_is(tmp_path: Path) -> None:
    script = """
        compare() { printf 'create\\ta\\t\\nok\\tb\\t\\nupdate\\tc\\tTags\\n' >"$STATE/$1.diff"; }
        put_it() { printf '%s\\n' "$COUNTER" >&2; }
        apply roles put_it
    """
    done = run(FakeAws(tmp_path / "aws"), script)
    assert done.stderr.splitlines() == [
        "roles 1/3",
        "create  role a",
        "roles 3/3",
        "update  role c (Tags)",
        "ok      roles: 1",
    ]


def read_all(terminal: int) -> str:
    found = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is closed
            return found.decode()
        if not part:
            return found.decode()
        found += part


def test_a_long_command_is_never_silent() -> None:
    script = """
        source infra_bash/lib/script.sh
        progress() { printf ', 5 MB'; }
        with_news "pip, requirements.txt" progress sleep 11
    """
    done = subprocess.run(["bash", "-c", script, "deploy.sh"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == "wait    pip, requirements.txt: 10 s, 5 MB\n"


@pytest.mark.parametrize("code", [0, 3])
def test_and_ends_as_it_does(code: int) -> None:
    script = f"""
        source infra_bash/lib/script.sh
        with_news "pip" true bash -c 'exit {code}'
    """
    done = subprocess.run(["bash", "-c", script, "deploy.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


def test_a_command_that_fails_in_a_substitution_leaves_nothing_behind() -> None:
    script = """
        source infra_bash/lib/script.sh
        fails() { die "refused"; }
        show() {
          local answer
          answer=$(with_news "the function inspect" no_more_news fails) || return 1
        }
        show || printf 'goes on\n'
        trap '' TERM
        with_news "the function load" no_more_news true
        printf 'ends\n'
    """
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", script, "status.sh"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("goes on\nends\n", "FAILED  refused\n")
    assert time.monotonic() - began < 30
