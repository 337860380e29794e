"""What replay.sh asks a transform and what it says of the answers, without any AWS."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.screens.replays import lines, summary
from shared.wording.replays import outcome
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import run, settings_file

pytestmark = pytest.mark.fast

Json = dict[str, Any]


def result(number: int, outcome: str, **facts: object) -> Json:
    nothing = {"rows": 0, "quarantined": 0, "differences": [], "damages": [], "codes": [], "days": None}
    return {"run": number, "outcome": outcome, "reason": "", "error": "", "is_permanent": False, **nothing, **facts}


def answer(*runs: Json, going_on: int | None = None, last: int = 9) -> Json:
    return {"table": "dim_staff", "log": "log-1", "results": list(runs), "next": going_on, "last": last}


def test_a_line_for_what_a_person_wants_to_hear_of() -> None:
    given = answer(
        result(1, "exists"),
        result(2, "same"),
        result(3, "not_expected"),
        result(4, "made", rows=5),
        result(5, "differs", differences=["parts"], damages=["a part\nis corrupt"]),
        result(6, "missing"),
        result(7, "failed", reason="a part\nis corrupt", error="CorruptObject"),
        result(8, "no_such_run", reason="runs/8 is not there", error="MissingObject"),
        result(9, "same", codes=["old", "new"]),
    )
    assert lines(given) == [
        "run 4 made: 5 rows, 0 quarantined",
        "run 5 differs: the checksums of its parts differ; a part is corrupt",
        "run 6 missing: replay.sh without --verify makes it",
        "run 7 failed: CorruptObject: a part is corrupt",
        "run 8 no such run: runs/8 is not there",
        "run 9 same: code old made it, this is new",
    ]
    assert summary("1", "9", [given, answer(result(10, "same"))]) == (
        "dim_staff, runs 1 to 9: 1 differs, 1 exists already, 1 failed, 1 made, 1 missing, 1 no such run, "
        "1 not expected, 3 same"
    )


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "fake")


def replay(aws: FakeAws, tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = settings_file(tmp_path)
    return run("replay.sh", "dim_staff", "--settings", file, *arguments, TOTESTREAM_AWS=str(aws.program))


def test_it_goes_on_until_the_run_that_was_the_last_at_first(aws: FakeAws, tmp_path: Path) -> None:
    first = answer(result(3, "made", rows=5), going_on=4)
    aws.answers("lambda invoke", json.dumps(first), json.dumps(answer(result(4, "exists"))))
    # Each event is kept beside what was asked.
    aws.program.write_text(aws.program.read_text().replace("printf . ", 'cat "${!#}.event" >>events; printf . ', 1))
    done = replay(aws, tmp_path, "--from", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "run 3 made: 5 rows, 0 quarantined\ndim_staff, runs 3 to 9: 1 exists already, 1 made\n"
    events = (aws.folder / "events").read_text()
    assert events == '{"do":"replay","from":3}{"do":"replay","from":4,"to":9}'


@pytest.mark.parametrize("what", ["failed", "no_such_run", "differs", "missing"])
def test_what_is_not_as_it_should_be_ends_in_1(aws: FakeAws, tmp_path: Path, what: str) -> None:
    aws.answers("lambda invoke", json.dumps(answer(result(1, what, reason="so"), result(2, "same"))))
    done = replay(aws, tmp_path, "--from", "1", "--to", "2", "--verify")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stdout.splitlines()[0].startswith(f"run 1 {outcome(what)}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--from is missing (the first run)"),
        (["--from", "0"], "--from needs a whole number from 1 to 99999999, not 0"),
        (["--from", "1", "--to", "1.5"], "--to needs a whole number from 1 to 99999999, not 1.5"),
        (["--from", "-1"], "not -1"),
        (["--from", "4", "--to", "3"], "--from 4 comes after --to 3"),
        (["--from", "4", "dim_date"], "unexpected argument dim_date"),
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
        assert (done.returncode, done.stderr) == (2, f"{script}: TABLE is missing (a warehouse table); see --help\n")
