"""Reads what functions answer, for bash: JSON from stdin, one question each.

python -m ops.answers error|did|migrated|held|wrong|progress RUN
"""

import json
import re
import sys
from collections import Counter
from typing import Any

from ops.screens.terminal import escaped, printable

Answer = dict[str, Any]
# What the lines of `did` are about, in the order in which they are told.
KINDS = {
    "tables": r"(?!current_|history_)\w+ created$",
    "views": r"\w+ (created|made anew)$",
    "columns": r"\S+ added$",
    "indexes": r".*index on ",
    "comments": r".*: comments written$",
    "rights": r"\S+ may ",
    "logins": r"login ",
}


def error(answer: Answer) -> str:
    return f"{answer.get('errorType', 'error')}: {answer.get('errorMessage', answer)}".replace("\n", " ")


def kind_of(line: str) -> str:
    return next((kind for kind, pattern in KINDS.items() if re.match(pattern, line)), "others")


def migrated(answer: Answer) -> list[tuple[str, str]]:
    """A verb and words a line: one for all that was done, and one for each thing that was not."""
    counts = Counter(map(kind_of, answer.get("did", [])))
    verb = "create" if counts["tables"] else "update" if counts.total() else "ok"
    words = ", ".join(f"{counts[kind]} {kind}" for kind in (*KINDS, "others") if counts[kind])
    did = (verb, "warehouse tables" + (f": {words}" if words else ""))
    return [did, *(("differs", line) for line in answer.get("said", []))]


def shown(value: Any) -> str:
    return "-" if value is None else str(value)


def only(status: Answer, names: list[str]) -> Answer:
    """The status of these tables; of all when none is named."""
    return status | {"tables": [table for table in status["tables"] if not names or table["table"] in names]}


def aligned(lines: list[tuple[str, ...]]) -> str:
    """The first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *rest in lines:
        numbers = "  ".join(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        texts.append(f"{first.ljust(widths[0])}  {numbers}")
    return "\n".join(texts)


def aligned_words(lines: list[tuple[str, ...]]) -> str:
    """All columns to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def wrong(status: Answer) -> str:
    """The tables that do not hold what they should, when that can be said."""
    if not status.get("comparable"):
        return ""
    known = [each for each in status["tables"] if not each.get("held") or each.get("expected") is not None]
    return " ".join(each["table"] for each in known if each.get("expected") != each.get("there"))


def held(status: Answer) -> str:
    """A line for each table whose sources are not read, with the reason."""
    return "".join(f"{each['table']}: {each['held']}\n" for each in status["tables"] if each.get("held"))


def progress(status: Answer, run: int) -> str:
    """`loaded`, `passed` when the warehouse holds a later run than the counted one, else what is behind."""
    if status.get("no_answer"):
        return f"behind: warehouse: {status['no_answer']}"
    loaded = status.get("loaded_run") or 0
    if loaded >= run:
        return "loaded" if loaded == run and status.get("comparable") else "passed"
    behind = (f"{each['table']} by {each['runs']}" for each in status.get("behind", []))
    return "behind: " + (", ".join(behind) or f"loaded {shown(status.get('loaded_run'))} of {run}")


def main() -> None:
    question, *rest = sys.argv[1:]
    said = json.load(sys.stdin)
    answer = printable(said)
    match question:
        case "error":
            print(escaped(error(said)))
        case "did":
            print("".join(f"{line}\n" for line in answer.get("did", [])), end="")
        case "migrated":
            print("".join(f"{verb}\t{words}\n" for verb, words in migrated(answer)), end="")
        case "wrong":
            print(wrong(answer))
        case "held":
            print(held(answer), end="")
        case "progress":
            print(progress(answer, int(rest[0])))


if __name__ == "__main__":
    main()
