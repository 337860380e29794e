"""Print one fact of a function's answer, for bash: the answer is JSON on stdin.

python -m ops.answers error|changes|migrated|held|differing|reach|progress RUN
"""

import json
import sys
from typing import Any, get_args

from ops.screens.terminal import escaped, printable
from shared import errors
from shared.load.schema.change import ChangeKind

Answer = dict[str, Any]
# Lambda names an error's class, MiniStack whatever a handler raises alike.
OURS = {name for name, value in vars(errors).items() if isinstance(value, type)} | {"Runtime.HandlerError"}


def error(answer: Answer) -> str:
    """Return a function's error on one line: our own as it was written for people, any other with its type."""
    kind, message = answer.get("errorType", "error"), answer.get("errorMessage", answer)
    words = message if kind in OURS else f"{kind}: {message}"
    return str(words).replace("\n", " ")


def migrated(answer: Answer) -> list[tuple[str, str]]:
    """Return lines of a verb and words: one for all changes, and one for each difference that was not repaired."""
    done = answer.get("did", [])
    # The migrate function of the previous version does not count its changes.
    counts = answer.get("counts") or ({"changes": len(done)} if done else {})
    verb = "create" if counts.get("tables") else "update" if counts else "ok"
    kinds = [kind for kind in get_args(ChangeKind) if kind in counts]
    words = ", ".join(f"{counts[kind]} {kind}" for kind in dict.fromkeys([*kinds, *counts]))
    changes = (verb, "warehouse tables" + (f": {words}" if words else ""))
    return [changes, *(("differs", line) for line in answer.get("notes", []))]


def shown(value: Any) -> str:
    return "-" if value is None else str(value)


def only(status: Answer, names: list[str]) -> Answer:
    """Return the status of the named tables, or of all when none is named."""
    return status | {"tables": [table for table in status["tables"] if not names or table["table"] in names]}


def aligned(lines: list[tuple[str, ...]]) -> str:
    """Return lines as columns: the first aligned left, the others, numbers, right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *rest in lines:
        numbers = "  ".join(text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        texts.append(f"{first.ljust(widths[0])}  {numbers}")
    return "\n".join(texts)


def aligned_words(lines: list[tuple[str, ...]]) -> str:
    """Return lines as columns, all aligned left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def differing(status: Answer) -> str:
    """Return the names of tables whose rows differ from the source's; "" also when the two cannot be compared."""
    if not status.get("comparable"):
        return ""
    known = [each for each in status["tables"] if not each.get("held") or each.get("expected") is not None]
    return " ".join(each["table"] for each in known if each.get("expected") != each.get("there"))


def held(status: Answer) -> str:
    """Return a line for each table whose sources are not read, with the reason."""
    return "".join(f"{each['table']}: {each['held']}\n" for each in status["tables"] if each.get("held"))


def progress(status: Answer, run: int) -> str:
    """Return the code `loaded`, `passed` when the warehouse holds a later run, or `behind` and, after ": ", what is."""
    if status.get("no_answer"):
        return f"behind: warehouse: {status['no_answer']}"
    loaded = status.get("loaded_run") or 0
    if loaded >= run:
        return "loaded" if loaded == run and status.get("comparable") else "passed"
    behind = (f"{each['table']} by {each['runs']}" for each in status.get("behind", []))
    return "behind: " + (", ".join(behind) or f"loaded {shown(status.get('loaded_run'))} of {run}")


def reached(answer: Answer) -> tuple[str, str]:
    """Return a verb and words: where an alert would go, and why not by a better way."""
    reason = answer["reason"]
    match answer["via"]:
        case "slack":
            return "ok", "alerts arrive in Slack"
        case "mail":
            return "warn" if reason else "ok", "alerts go by e-mail" + (f", because {reason}" if reason else "")
    return "nobody", f"receives alerts: {reason}"


def main() -> None:
    question, *rest = sys.argv[1:]
    received = json.load(sys.stdin)
    answer = printable(received)
    match question:
        case "error":
            print(escaped(error(received)))
        case "changes":
            print("".join(f"{line}\n" for line in answer.get("did", [])), end="")
        case "migrated":
            print("".join(f"{verb}\t{words}\n" for verb, words in migrated(answer)), end="")
        case "differing":
            print(differing(answer))
        case "held":
            print(held(answer), end="")
        case "reach":
            print("\t".join(reached(answer)))
        case "progress":
            print(progress(answer, int(rest[0])))


if __name__ == "__main__":
    main()
