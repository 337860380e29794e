"""What logs.sh shows of what the functions said."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from threading import Timer

import pytest

from ops.screens.logs import LATE_MS, identity, main, new_lines
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import ROOT, run, settings_file

pytestmark = pytest.mark.fast

# The script looks again after three seconds.
LONGEST_S = 60


def event(at: int, message: str) -> dict[str, object]:
    return {"timestamp": at, "message": message}


def said(**facts: object) -> str:
    return json.dumps(facts)


ANSWERS = {
    "transform-dim_staff": {
        "events": [
            event(5, "START RequestId: 1 Version: $LATEST\n"),
            event(6, said(message="table was transformed", run=2, table="dim_staff") + "\n"),
            event(9, "[ERROR] Runtime exited with error: signal: killed"),
            event(10, "REPORT RequestId: 1 Duration: 3 ms"),
        ]
    },
    "load": {
        "events": [
            event(7, said(message="manifest loaded", run=2, table="dim_staff")),
            event(8, said(message="manifest loaded", run=2, table="dim_design")),
            event(11, said(message="manifest loaded", run=3, table="dim_staff")),
        ]
    },
}


def times(subject: str = "dim_staff", run: str = "", shown: set[str] | None = None) -> list[int]:
    return [at for at, _, _ in new_lines(ANSWERS, subject, run, shown or set())]


def test_of_a_table_its_transform_and_what_load_says_of_it_in_order() -> None:
    assert times() == [6, 7, 9, 11]


def test_of_a_run_only_its_own_lines() -> None:
    assert times(run="2") == [6, 7]


def test_of_a_function_all_of_it() -> None:
    answers = {"load": ANSWERS["load"]}
    assert [at for at, _, _ in new_lines(answers, "load", "", set())] == [7, 8, 11]


def test_lines_of_one_millisecond_stay_in_the_order_in_which_they_were_written() -> None:
    """The emulator gives all lines of a call the same time."""
    words = [f"line {number}" for number in range(20)]
    answers = {"load": {"events": [event(7, word) for word in words]}}
    assert [message for _, _, message in new_lines(answers, "load", "", set())] == words


def test_what_was_shown_is_not_shown_again() -> None:
    assert times(shown={identity(event) for event in ANSWERS["load"]["events"]}) == [6, 9]


def test_each_line_is_shown_once_also_when_it_comes_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["log_lines", str(tmp_path), "load", ""])
    (tmp_path / "since_ms").write_text("1000")
    answer = tmp_path / "load.events.json"
    answer.write_text("")
    main()
    assert (capsys.readouterr().out, (tmp_path / "since_ms").read_text()) == ("", "1000")
    answer.write_text(json.dumps({"events": [event(100_000, "two")]}))
    main()
    assert capsys.readouterr().out == "1970-01-01 00:01:40  two\n"
    assert int((tmp_path / "since_ms").read_text()) == 100_000 - LATE_MS
    answer.write_text(json.dumps({"events": [event(99_000, "one, late"), event(100_000, "two")]}))
    main()
    assert capsys.readouterr().out == "1970-01-01 00:01:39  one, late\n"


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    """Answer with the log lines of the transform of dim_staff and of load, in turns."""
    made = FakeAws(tmp_path / "aws")
    first = [json.dumps(ANSWERS[noun]) for noun in ("transform-dim_staff", "load")]
    later = {"events": [event(12, said(message="manifest loaded", run=2, table="dim_staff", rows=1))]}
    made.answers("logs filter-log-events", *first, json.dumps(later))
    return made


def test_the_script_shows_one_run_of_a_table(tmp_path: Path, aws: FakeAws) -> None:
    command = ("logs.sh", "--settings", settings_file(tmp_path), "--run", "2", "--minutes", "5", "dim_staff")
    before = time.time()
    done = run(*command, TOTESTREAM_AWS=str(aws.program))
    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["1970-01-01 00:00:00"] * 2
    assert done.stdout.count('"run": 2, "table": "dim_staff"') == 2
    asked = aws.asked_for("logs filter-log-events")
    groups = [re.findall(r"--log-group-name (\S+) --start-time (\d+)", call)[0] for call in asked]
    assert [group for group, _ in groups] == [
        "/aws/lambda/totestream-test-transform-dim_staff",
        "/aws/lambda/totestream-test-load",
    ]
    assert all(abs(before - 300 - int(since_ms) / 1000) < LONGEST_S for _, since_ms in groups)


def test_the_script_goes_on_with_what_is_said_later(tmp_path: Path, aws: FakeAws) -> None:
    command = [str(ROOT / "infra_bash/logs.sh"), "--settings", settings_file(tmp_path), "--follow", "dim_staff"]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    script = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    # Whatever hangs ends then, and the lines with it.
    end = Timer(LONGEST_S, script.terminate)
    end.start()
    assert script.stdout
    lines = [line for line, _ in zip(script.stdout, range(5), strict=False)]
    script.terminate()
    script.wait(timeout=LONGEST_S)
    end.cancel()
    script.stdout.close()
    assert [line.split("  ", 1)[1] for line in lines[:4]] == [
        message.rstrip("\n") + "\n" for _, _, message in new_lines(ANSWERS, "dim_staff", "", set())
    ]
    assert '"rows": 1' in lines[4]
