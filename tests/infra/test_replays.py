"""What replay.sh asks a transform and what it says of the answers, without any AWS."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.screens.replays import lines, summary
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import run, settings_file

pytestmark = pytest.mark.fast

Json = dict[str, Any]


def taken(number: int, what: str, words: str = "", error: str = "") -> Json:
    return {"run": number, "what": what, "words": words, "error": error, "again": False}


def answer(*runs: Json, going_on: int | None = None, last: int = 9) -> Json:
    return {"table": "dim_staff", "log": "log-1", "taken": list(runs), "next": going_on, "last": last}


def test_a_line_for_what_a_person_wants_to_hear_of() -> None:
    given = answer(
        taken(1, "there already"),
        taken(2, "same"),
        taken(3, "not expected"),
        taken(4, "made", "5 rows, 0 quarantined"),
        taken(5, "differs", "the checksums of its parts differ"),
        taken(6, "missing"),
        taken(7, "failed", "a part\nis corrupt", "CorruptObject"),
        taken(8, "no such run", "runs/8 is not there", "MissingObject"),
        taken(9, "same", "code old made it, this is new"),
    )
    assert lines(given) == [
        "run 4 made: 5 rows, 0 quarantined",
        "run 5 differs: the checksums of its parts differ",
        "run 6 missing: replay.sh without --verify makes it",
        "run 7 failed: CorruptObject: a part is corrupt",
        "run 8 no such run: runs/8 is not there",
        "run 9 same: code old made it, this is new",
    ]
    assert summary("1", "9", [given, answer(taken(10, "same"))]) == (
        "dim_staff, runs 1 to 9: 1 differs, 1 failed, 1 made, 1 missing, 1 no such run, 1 not expected, 3 same, "
        "1 there already"
    )


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "fake")


def replay(aws: FakeAws, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = settings_file(tmp_path)
    return run("replay.sh", "dim_staff", "--settings", file, *arguments, TOTESTREAM_AWS=str(aws.program))


def test_it_goes_on_until_the_run_that_was_the_last_at_first(aws: FakeAws, tmp_path: Path) -> None:
    first = answer(taken(3, "made", "5 rows, 0 quarantined"), going_on=4)
    aws.answers("lambda invoke", json.dumps(first), json.dumps(answer(taken(4, "there already"))))
    # Each event is kept beside what was asked.
    aws.program.write_text(aws.program.read_text().replace("printf . ", 'cat "${!#}.event" >>events; printf . ', 1))
    done = replay(aws, tmp_path, "--from", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "run 3 made: 5 rows, 0 quarantined\ndim_staff, runs 3 to 9: 1 made, 1 there already\n"
    events = (aws.folder / "events").read_text()
    assert events == '{"do":"replay","from":3}{"do":"replay","from":4,"to":9}'


@pytest.mark.parametrize("what", ["failed", "no such run", "differs", "missing"])
def test_what_is_not_as_it_should_be_ends_in_1(aws: FakeAws, tmp_path: Path, what: str) -> None:
    aws.answers("lambda invoke", json.dumps(answer(taken(1, what, "so"), taken(2, "same"))))
    done = replay(aws, tmp_path, "--from", "1", "--to", "2", "--verify")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stdout.splitlines()[0].startswith(f"run 1 {what}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "from which run on?"),
        (["--from", "0"], "--from needs the number of a run, not 0"),
        (["--from", "1", "--to", "1.5"], "--to needs the number of a run, not 1.5"),
        (["--from", "-1"], "not -1"),
        (["--from", "4", "--to", "3"], "--from 4 comes after --to 3"),
        (["--from", "4", "dim_date"], "dim_date comes after dim_staff"),
    ],
)
def test_wrong_use_is_one_line_and_asks_nothing(aws: FakeAws, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = replay(aws, tmp_path, *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("replay.sh: ") and words in done.stderr
    assert not (aws.folder / "asked").exists()


def test_a_script_without_a_table_asks_for_one() -> None:
    for script in ("retry.sh", "replay.sh"):
        done = run(script)
        assert (done.returncode, done.stderr) == (2, f"{script}: which warehouse table? see --help\n")
