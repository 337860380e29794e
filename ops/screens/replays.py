"""Reads what a transform says of the runs that it took again, for replay.sh.

    python -m ops.screens.replays lines|next <ANSWER
    python -m ops.screens.replays sum FIRST LAST FILE...

`lines` prints a line for each run that a person wants to hear of, `next` the run to go on with, or -, and the last one,
`sum` how many runs came to what; it ends with 1 when one of them could not be made, or is not as it should be.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from ops.screens.terminal import escaped, read_answer

Json = dict[str, Any]
# What there is nothing to say of but how many.
QUIET = ("there already", "same", "not expected", "removed")
HINTS = {"missing": "replay.sh without --verify makes it"}
WRONG = ("failed", "no such run", "differs", "missing")


def lines(answer: Json) -> list[str]:
    return [line(each) for each in answer["taken"] if each["what"] not in QUIET or (each["words"] and not days(each))]


def line(each: Json) -> str:
    error = f"{each['error']}: " if each["what"] == "failed" else ""
    words = HINTS.get(each["what"]) or error + " ".join(each["words"].split())
    return f"run {each['run']} {each['what']}" + (f": {words}" if words else "")


def days(each: Json) -> int | None:
    """The age at which the run was removed; None where it was not."""
    return each.get("days")


def going_on(answer: Json) -> str:
    return f"{answer['next'] or '-'} {answer['last']}"


def total(answers: list[Json]) -> Counter[str]:
    return Counter(each["what"] for answer in answers for each in answer["taken"])


def summary(first: str, last: str, answers: list[Json]) -> str:
    removed = [days(each) for answer in answers for each in answer["taken"] if days(each)]
    after = {"removed": f" after {removed[-1]} days (RETENTION_DAYS)"} if removed else {}
    counts = ", ".join(f"{count} {what}{after.get(what, '')}" for what, count in sorted(total(answers).items()))
    return f"{answers[0]['table']}, runs {first} to {last}: {counts}"


def main() -> int:
    question, *rest = sys.argv[1:]
    if question == "sum":
        first, last, *files = rest
        answers = [json.loads(Path(file).read_text()) for file in files]
        print(escaped(summary(first, last, answers)))
        return int(bool(total(answers).keys() & set(WRONG)))
    answer = read_answer(sys.stdin)
    for text in lines(answer) if question == "lines" else [going_on(answer)]:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
