"""What others wrote is shown as text: a terminal obeys none of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.screens.terminal import escaped, printable
from tests.infra.test_screen import STATUS, problem

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
# Escape, CSI of C1, carriage return, backspace, a text that runs to the left, half of a surrogate pair.
EVIL = "a\x1b[2J\x9b31m\rall is well\x08\u202eb\u2066\u2028\ud800"
WHOLE = EVIL.replace("\ud800", "")
SHOWN = r"a\x1b[2J\x9b31m\rall is well\x08\u202eb\u2066\u2028\ud800"


@given(st.text(st.characters()))
def test_nothing_is_left_that_is_not_seen(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


def test_names_and_values_are_escaped_however_deep() -> None:
    assert printable({EVIL: [{"x": EVIL}, 1, None]}) == {SHOWN: [{"x": SHOWN}, 1, None]}


def evil(value: Any) -> Any:
    """Return the value with a control sequence after each text, which a terminal would execute."""
    match value:
        case str():
            return value + EVIL
        case dict():
            return {name: evil(each) for name, each in value.items()}
        case list():
            return [evil(each) for each in value]
        case _:
            return value


PAYMENT = {"table": "payment", "mode": "full", "rows": 1, "reason": "resync"}
RUN = {"run": 3, "cause": "resync", "tables": [PAYMENT], "held": {"staff": "no"}, "targets": ["dim_staff"]}
TARGET = {"table": "dim_staff", "state": "waits for", "rows": 1, "named": {"missing": ["1"]}, "seconds": 1.0}
INCIDENT = {"kind": "k", "subject": "s", "says": "it", "command": "c", "runbook": "r"}
WRONG = {"run": 3, "outcome": "failed", "error": "E", "reason": EVIL, "days": None}
COLUMN = {"name": "n", "kind": "text", "nullable": True, "live": "text"}
LIVE = {"table": "t", "reference": True, "fingerprint": "f", "held_since_run": 3, "problem": "p", "columns": [COLUMN]}
ANSWERS: dict[str, tuple[list[str], Any]] = {
    "screens.status": (
        ["all"],
        STATUS
        | {
            "problems": [problem("not_read", "x", reason="r") | evil({"text": "t", "command": "c"})],
            "incidents": [evil(INCIDENT) | {"since": "2026-11-25T12:00Z"}],
        },
    ),
    "screens.runs preview": (["preview"], evil({"runs": [RUN]})),
    "screens.runs progress": (["progress"], {"targets": [{"table": "t" + EVIL, "state": "waits_for_loader"}]}),
    "screens.runs loaded": (["loaded"], evil({"targets": [TARGET]})),
    "screens.runs reconciled": (["reconciled"], evil({"run": 3, "snapshot_at": "2026", "targets": [TARGET]})),
    "screens.runs json": (["json"], {"run": EVIL}),
    "screens.replays lines": (["lines"], {"results": [WRONG]}),
    "screens.catalogue": (["text"], evil({"tables": [LIVE]})),
    "screens.freshness": (
        ["text"],
        {
            "hours": 1,
            "clocks_apart_s": 0,
            "tables": [
                {
                    **{"table": EVIL, "loads": 1, "p50_s": 1, "p95_s": 1, "max_s": 1, "course": []},
                    **{"slowest": [{"run": 1, "at_least_s": 1}], "left_out": {EVIL: 1}},
                }
            ],
        },
    ),
    "answers error": (["error"], evil({"errorType": "E", "errorMessage": "m\nn"})),
    "answers migrated": (["migrated"], evil({"did": [], "notes": ["s"]})),
    "error_hints": (["call", "aws"], EVIL),
    "screens.paused": ([], {"since": WHOLE}),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_script_prints_what_a_terminal_would_obey(name: str) -> None:
    arguments, answer = ANSWERS[name]
    text = answer if isinstance(answer, str) else json.dumps(answer)
    shown = printed([name.split()[0], *arguments], text.encode(errors="replace"))
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert "x1b[2J" in shown or "u001b[2J" in shown


def printed(command: list[str], given: bytes) -> str:
    module, *arguments = command
    run = [sys.executable, "-m", f"ops.{module}", *arguments]
    done = subprocess.run(run, input=given, capture_output=True, cwd=ROOT, check=False)
    assert not done.stderr.count(b"Traceback"), done.stderr
    return done.stdout.decode()


def test_a_dead_letter_is_shown_as_text(tmp_path: Path) -> None:
    reason = {"error": {"StringValue": "E"}, "reason": {"StringValue": WHOLE}}
    body = json.dumps({"version": 1, "log": "l", "run": 3, "table": "staff" + WHOLE})
    letter = {"MessageId": "m", "ReceiptHandle": "h", "Body": body, "MessageAttributes": reason}
    (tmp_path / "received").mkdir()
    (tmp_path / "checked").mkdir()
    (tmp_path / "received/1.json").write_text(json.dumps({"Messages": [letter]}))
    for question in (["list", str(tmp_path), "q", "d", "0"], ["failures", str(tmp_path), "dim_staff"]):
        shown = printed(["dead_letters", *question], b"")
        assert "x1b[2J" in shown and all(letter.isprintable() or letter in "\n\t" for letter in shown)


def test_a_log_line_is_shown_as_text(tmp_path: Path) -> None:
    events = [
        {"timestamp": 1, "message": "Traceback\n" + WHOLE},
        {"timestamp": 2, "message": "[" * 100_000},
    ]
    (tmp_path / "load.events.json").write_text(json.dumps({"events": events}))
    (tmp_path / "since_ms").write_text("0")
    shown = printed(["screens.logs", str(tmp_path), "load", ""], b"")
    assert "x1b[2J" in shown and all(letter.isprintable() or letter == "\n" for letter in shown)
