"""Show the status of a stack, for status.sh: inspect's answer as JSON from stdin.

python -m ops.screens.status all [--color] [--stack=OPTIONS] [TABLE…]
    the whole screen; exits with 3 when the stack is unhealthy. OPTIONS are added to each command that is shown.
python -m ops.screens.status table           only the rows of each table, for deploy.sh
python -m ops.screens.status json [TABLE…]   the whole answer; exits with 3, too
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ops.answers import aligned, only, shown
from ops.screens.terminal import printable
from shared.wording.incidents import TABLE_DAMAGED

Answer = dict[str, Any]
HEADER = ("TABLE", "SOURCE ROWS", "ROWS", "LAST RUN", "FRESHNESS")
PROBLEM_COLUMNS = ("BEHIND", "QUEUE", "DLQ", "WAITING", "QUARANTINED")
COUNTS = ("behind", "messages", "dead_letters", "waiting", "quarantined")
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
UNHEALTHY = 3


def table(status: Answer) -> str:
    """Return the source's and the warehouse's rows of each table."""
    return aligned([HEADER, *(_rows(each, status) for each in status["tables"])])


def _rows(each: Answer, status: Answer) -> tuple[str, ...]:
    """Return a table's columns of HEADER. Source rows are a dash where the table's run was never counted."""
    return (
        each["table"],
        shown(each.get("expected")),
        *(_of_warehouse(each.get(name), status) for name in ("there", "last_run")),
        "-" if each.get("freshness_s") is None else f"{each['freshness_s']:.0f} s",
    )


def _of_warehouse(number: Any, status: Answer) -> str:
    """Return a number that only the warehouse knows; "?" while it does not answer."""
    return "?" if number is None and status.get("no_answer") else shown(number)


def _counted(name: str, number: Any, status: Answer) -> str:
    """Return a count; with a "+" when there are more runs than were read, and a table may be behind by more."""
    return _of_warehouse(number, status) + ("+" if name == "behind" and status.get("unread_runs") else "")


def screen(status: Answer, color: bool, options: str = "") -> str:
    rows = [
        (*_rows(each, status), *(_counted(name, each.get(name, 0), status) for name in COUNTS))
        for each in status["tables"]
    ]
    has_problem = [any(each.get(name) for name in COUNTS if name != "messages") for each in status["tables"]]
    header, *lines = aligned([(*HEADER, *PROBLEM_COLUMNS), *rows]).splitlines()
    painted = [_painted(line, RED, color and bad) for line, bad in zip(lines, has_problem, strict=True)]
    first = _first_line(status, color)
    return "\n".join([first, header, *painted, *_incidents(status, color), *_other_problems(status, color, options)])


def _first_line(status: Answer, color: bool) -> str:
    is_healthy = not problems(status)
    watched = status.get("watched_s")
    check = "watch has never run" if watched is None else f"last check {watched:.0f} s ago"
    loaded = _of_warehouse(status["loaded_run"], status)
    text = f"{'healthy' if is_healthy else 'UNHEALTHY'}; run {status['newest_run']}, {loaded} loaded; {check}"
    return _painted(text, GREEN if is_healthy else RED, color)


def problems(status: Answer) -> list[Answer]:
    """Return the problems. An inspect function of the previous version answers only their text."""
    texts = ({"code": "", "subject": "", "text": text, "command": ""} for text in status.get("not_well", ()))
    found: list[Answer] = status.get("problems") or list(texts)
    return found


def _incidents(status: Answer, color: bool) -> Iterator[str]:
    for each in status.get("incidents", ()):
        since, name = datetime.fromisoformat(each["since"]), f"{each['kind']} {each['subject']}".rstrip()
        yield _painted(f"INCIDENT  {name}, since {since:%F %T} UTC: {each['says']}", RED, color)
        yield f"          run {each['command']}; docs/runbook.md#{each['runbook']}"


def _other_problems(status: Answer, color: bool, options: str) -> Iterator[str]:
    """Yield the problems that no incident reports, each with the command that helps. Damage includes missing rows."""
    damaged = {each["subject"] for each in status.get("incidents", ()) if each["kind"] == TABLE_DAMAGED.name}
    for each in problems(status):
        if each["code"] == "incident" or (each["code"] == "rows_differ" and each["subject"] in damaged):
            continue
        yield _painted(f"UNHEALTHY {each['text']}", RED, color)
        if each["command"]:
            yield f"          run {each['command']}{options}"


def _painted(text: str, paint: str, color: bool) -> str:
    return f"{paint}{text}{PLAIN}" if color else text


def main() -> int:
    how, *rest = sys.argv[1:]
    color, names = "--color" in rest, [word for word in rest if not word.startswith("--")]
    options = "".join(word.removeprefix("--stack=") for word in rest if word.startswith("--stack="))
    status = only(json.load(sys.stdin), names)
    seen = printable(status)
    shows: dict[str, Callable[[], str]] = {
        "all": lambda: screen(seen, color, options),
        "table": lambda: table(seen),
        "json": lambda: json.dumps(status),
    }
    print(shows[how]())
    return UNHEALTHY if problems(status) and how != "table" else 0


if __name__ == "__main__":
    sys.exit(main())
