"""Show the status of a stack, for status.sh: inspect's answer as JSON from stdin.

python -m ops.screens.status all [--color] [--stack=OPTIONS] [TABLE…]
    the whole screen; exits with 3 when the stack is unhealthy. OPTIONS are added to each command that is shown.
python -m ops.screens.status table           only the rows of each table, for deploy.sh
python -m ops.screens.status json [TABLE…]   the whole answer; exits with 3, too
"""

import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ops.answers import aligned, only, shown
from ops.screens.terminal import printable
from shared.wording.incidents import TABLE_DAMAGED

Answer = dict[str, Any]
HEADER = ("TABLE", "SOURCE ROWS", "ROWS", "RUN", "FRESHNESS")
SOURCE_ROWS = 1  # the place in HEADER
PROBLEM_COLUMNS = ("BEHIND", "QUEUE", "DLQ", "WAIT", "QUARANTINED")
STAGE_COLUMNS = ("STAGE", "LAST", "NEXT", "ROWS IN 1 H")
COUNTS = ("behind", "messages", "dead_letters", "waiting", "quarantined")
SCHEDULES = {"extract": "EXTRACT_SCHEDULE", "load": "LOAD_SCHEDULE"}
WATCH_SCHEDULE = "rate(1 minute)"
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
# What fits beside another window; commands are not broken, so that they can be copied.
WIDTH = 60
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
UNHEALTHY = 3


def table(status: Answer) -> str:
    """Return the source's and the warehouse's rows of each table."""
    return aligned(_all_rows(status))


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


def screen(status: Answer, color: bool, options: str = "", schedules: Mapping[str, str] | None = None) -> str:
    """Return the whole screen. `schedules` are the settings that say when extract and load run."""
    return "\n".join(
        [
            *_first_lines(status, color),
            *_stages(status, schedules or {}),
            *_tables(status, color),
            *_incidents(status, color),
            *_other_problems(status, color, options),
        ]
    )


def _tables(status: Answer, color: bool) -> Iterator[str]:
    """Yield the tables' rows with the counts that are not zero everywhere; below the rows, where both do not fit. A
    count of messages alone is no problem."""
    rows, counts = _without_equal(_all_rows(status)), _without_zeros(_all_counts(status))
    wide = aligned([(*left, *right) for left, right in zip(rows, counts, strict=True)])
    has_problem = [any(each.get(name) for name in COUNTS if name != "messages") for each in status["tables"]]
    if len(wide.split("\n", 1)[0]) <= WIDTH:
        yield from _marked(wide, has_problem, color)
        return
    yield from _marked(aligned(rows), has_problem, color)
    kept = [any(cell != "0" for cell in line) for line in counts]
    below = [(left[0], *right) for left, right, keep in zip(rows, counts, kept, strict=True) if keep]
    yield from _marked(aligned(below), [bad for bad, keep in zip(has_problem, kept[1:], strict=True) if keep], color)


def _marked(text: str, has_problem: list[bool], color: bool) -> Iterator[str]:
    """Yield the header, and each line, in red where there is a problem."""
    header, *lines = text.splitlines()
    yield header
    yield from (_painted(line, RED, color and bad) for line, bad in zip(lines, has_problem, strict=True))


def _all_rows(status: Answer) -> list[tuple[str, ...]]:
    return [HEADER, *(_rows(each, status) for each in status["tables"])]


def _without_equal(lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Leave out the source's rows where the warehouse has as many of each table."""
    if any(line[SOURCE_ROWS] != line[SOURCE_ROWS + 1] for line in lines[1:]):
        return lines
    return [(*line[:SOURCE_ROWS], *line[SOURCE_ROWS + 1 :]) for line in lines]


def _all_counts(status: Answer) -> list[tuple[str, ...]]:
    counted = (tuple(_counted(name, each.get(name, 0), status) for name in COUNTS) for each in status["tables"])
    return [PROBLEM_COLUMNS, *counted]


def _without_zeros(lines: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    kept = [any(line[place] != "0" for line in lines[1:]) for place in range(len(PROBLEM_COLUMNS))]
    return [tuple(cell for cell, keep in zip(line, kept, strict=True) if keep) for line in lines]


def _stages(status: Answer, schedules: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each function that runs on a schedule. An inspect function of the previous version has none."""
    if not status.get("stages"):
        return
    lines: list[tuple[str, ...]] = [STAGE_COLUMNS]
    for each in status["stages"]:
        schedule = schedules.get(SCHEDULES.get(each["stage"], ""), WATCH_SCHEDULE)
        rows = each["rows_in_the_last_hour"]
        changed = "" if each["stage"] != "load" else _of_warehouse(rows, status)
        lines.append((each["stage"], _ago(each["last_s"]), next_start(each["last_s"], schedule), changed))
    yield from (line.rstrip() for line in aligned(lines).splitlines())


def _ago(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s ago"


def next_start(last_s: float | None, schedule: str) -> str:
    """Return when a function runs next, if it last ran so many seconds ago; a cron(…) is shown as it is."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if not rate or last_s is None:
        return schedule
    left_s = int(rate[1]) * UNITS[rate[2]] - last_s
    return f"in {left_s:.0f} s" if left_s > 0 else "due"


def _first_lines(status: Answer, color: bool) -> list[str]:
    is_healthy = not problems(status)
    watched = status.get("watched_s")
    check = "watch has never run" if watched is None else f"last check {watched:.0f} s ago"
    loaded = _of_warehouse(status["loaded_run"], status)
    text = f"{'healthy' if is_healthy else 'UNHEALTHY'}; run {status['newest_run']}, {loaded} loaded; {check}"
    return [_painted(text, GREEN if is_healthy else RED, color)]


def problems(status: Answer) -> list[Answer]:
    """Return the problems. An inspect function of the previous version answers only their text."""
    texts = ({"code": "", "subject": "", "text": text, "command": ""} for text in status.get("not_well", ()))
    found: list[Answer] = status.get("problems") or list(texts)
    return found


def _incidents(status: Answer, color: bool) -> Iterator[str]:
    for each in status.get("incidents", ()):
        since, name = datetime.fromisoformat(each["since"]), f"{each['kind']} {each['subject']}".rstrip()
        yield from _wrapped(f"INCIDENT  {name}, since {since:%F %T} UTC: {each['says']}", color)
        yield f"          run {each['command']}"
        yield f"          docs/runbook.md#{each['runbook']}"


def _other_problems(status: Answer, color: bool, options: str) -> Iterator[str]:
    """Yield the problems that no incident reports, each with the command that helps. Damage includes missing rows."""
    damaged = {each["subject"] for each in status.get("incidents", ()) if each["kind"] == TABLE_DAMAGED.name}
    for each in problems(status):
        if each["code"] == "incident" or (each["code"] == "rows_differ" and each["subject"] in damaged):
            continue
        yield from _wrapped(f"UNHEALTHY {each['text']}", color)
        if each["command"]:
            ours = each["command"].startswith("./infra_bash/")
            yield f"          run {each['command']}{options if ours else ''}"


def _wrapped(text: str, color: bool) -> Iterator[str]:
    lines = textwrap.wrap(text, WIDTH, subsequent_indent=" " * 10, break_long_words=False, break_on_hyphens=False)
    return (_painted(line, RED, color) for line in lines)


def _painted(text: str, paint: str, color: bool) -> str:
    return f"{paint}{text}{PLAIN}" if color else text


def main() -> int:
    how, *rest = sys.argv[1:]
    color, names = "--color" in rest, [word for word in rest if not word.startswith("--")]
    options = "".join(word.removeprefix("--stack=") for word in rest if word.startswith("--stack="))
    status = only(json.load(sys.stdin), names)
    seen = printable(status)
    shows: dict[str, Callable[[], str]] = {
        "all": lambda: screen(seen, color, options, os.environ),
        "table": lambda: table(seen),
        "json": lambda: json.dumps(status),
    }
    print(shows[how]())
    return UNHEALTHY if problems(status) and how != "table" else 0


if __name__ == "__main__":
    sys.exit(main())
