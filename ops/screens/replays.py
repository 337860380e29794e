"""Show the results of replayed runs, for replay.sh: answers of a transform function.

    python -m ops.screens.replays lines|next <ANSWER
    python -m ops.screens.replays sum FIRST LAST FILE...

`lines` prints a line for each run that needs one, `next` the run to continue with, or -, and the last run; `sum` prints
how many runs had which outcome, and exits with 1 when a run could not be made or is not as it should be.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ops.screens.terminal import escaped, read_answer
from shared.wording.replays import explained, outcome

Json = dict[str, Any]
# Outcomes that are only counted, unless a result has an explanation.
QUIET = ("exists", "same", "not_expected")
WRONG = ("failed", "no_such_run", "differs", "missing")


def lines(answer: Json) -> list[str]:
    """Return a line for each run that needs more than its outcome in the sum."""
    results = [each for each in answer["results"] if each["outcome"] != "removed"]
    return [line(each) for each in results if each["outcome"] not in QUIET or explained(each)]


def line(result: Json) -> str:
    words = explained(result)
    return f"run {result['run']} {outcome(result['outcome'])}" + (f": {words}" if words else "")


def continuation(answer: Json) -> str:
    """Return the run to continue with, or -, and the last run."""
    return f"{answer['next'] or '-'} {answer['last']}"


def total(answers: list[Json]) -> Counter[str]:
    """Return how many runs had which outcome."""
    return Counter(each["outcome"] for answer in answers for each in answer["results"])


def summary(first: str, last: str, answers: list[Json]) -> str:
    """Return one line with the number of runs by outcome."""
    days = [each["days"] for answer in answers for each in answer["results"] if each["days"]]
    after = {"removed": f" after {days[-1]} days (RETENTION_DAYS)"} if days else {}
    counts = sorted((outcome(code), code, count) for code, count in total(answers).items())
    counted = ", ".join(f"{count} {words}{after.get(code, '')}" for words, code, count in counts)
    return f"{answers[0]['table']}, runs {first} to {last}: {counted}"


def main() -> int:
    question, *rest = sys.argv[1:]
    if question == "sum":
        first, last, *files = rest
        answers = [json.loads(Path(file).read_text()) for file in files]
        print(escaped(summary(first, last, answers)))
        return int(bool(total(answers).keys() & set(WRONG)))
    answer = read_answer(sys.stdin)
    for text in lines(answer) if question == "lines" else [continuation(answer)]:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
