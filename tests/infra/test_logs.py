"""What logs.sh shows of what the functions said."""

import json
from pathlib import Path

import pytest

from infra_bash.lib.log_lines import LATE_MS, identity, main, new_lines

pytestmark = pytest.mark.fast


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
