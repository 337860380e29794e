"""Every code that crosses a border has its sentence."""

from typing import get_args

import pytest

from shared.status import runs
from shared.status.problems import Problem, ProblemCode
from shared.transform.replay import Difference, ReplayOutcome, ReplayResult
from shared.transform.run import TransformOutcome
from shared.transform.sqs_consumer import PHRASES
from shared.wording.replays import DIFFERENCES, UNEXPECTED, explained, failure, outcome
from shared.wording.runs import WAITING
from shared.wording.status import problem_text

pytestmark = pytest.mark.fast

FACTS = {
    "since": "12:00",
    "seconds": 151.0,
    "reason": "it is locked",
    "kind": "table behind",
    "rows": 1,
    "source_rows": 2,
    "resync": ("payment",),
}


@pytest.mark.parametrize("code", get_args(ProblemCode))
def test_each_problem_has_a_sentence_of_its_own(code: ProblemCode) -> None:
    described = Problem(code, "fact_payment", FACTS).json
    assert described["code"] == code and described["text"] != f"{code} fact_payment"
    assert bool(described["command"]) == (code != "incident")


def test_a_problem_that_this_code_does_not_know_is_shown_by_its_code() -> None:
    assert problem_text({"code": "of_a_later_version", "subject": "x"}) == "of_a_later_version x"


@pytest.mark.parametrize("code", get_args(ReplayOutcome))
def test_each_outcome_of_a_replay_is_explained(code: ReplayOutcome) -> None:
    result = ReplayResult(
        1, code, 5, 2, ("parts",), ("a part\nis corrupt",), ("old", "new"), "CorruptObject", "why"
    ).facts
    assert "_" not in outcome(code)
    words = {
        "made": "5 rows, 2 quarantined",
        "missing": "replay.sh without --verify makes it",
        "failed": "CorruptObject: why",
        "same": "the checksums of its parts differ; a part is corrupt; code old made it, this is new",
    }
    words["differs"] = words["same"]
    assert explained(result) == words.get(code, "why")


def test_a_bug_has_no_reason_that_could_hold_rows() -> None:
    assert failure(ReplayResult(1, "failed", error="KeyError").facts) == f"KeyError: {UNEXPECTED}"


def test_no_code_is_without_words() -> None:
    assert DIFFERENCES.keys() == set(get_args(Difference))
    assert PHRASES.keys() == set(get_args(TransformOutcome))
    assert WAITING.keys() == {runs.WAITS_FOR_MANIFEST, runs.WAITS_FOR_LOADER}
