"""The screen of status.sh, from what inspect answers, as JSON from stdin.

python -m ops.screens.status all [--color] [--stack=OPTIONS] [TABLE…]
    the whole screen; ends with 3 when not all is well. OPTIONS end each command that is to be run.
python -m ops.screens.status table           only what each table holds, as deploy.sh ends
python -m ops.screens.status json [TABLE…]   all that is known; ends with 3 as well
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ops.answers import aligned, only, shown
from ops.error_hints import FUNCTIONS, one_line
from ops.screens.terminal import printable

Answer = dict[str, Any]
HEADER = ("TABLE", "EXPECTED", "THERE", "LAST RUN", "FRESHNESS")
TROUBLES = ("BEHIND", "QUEUE", "DEAD", "WAITING", "SET ASIDE")
COUNTS = ("behind", "messages", "dead_letters", "waiting", "quarantined")
RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"
NOT_WELL = 3


def table(status: Answer) -> str:
    """What should be there and what is."""
    return aligned([HEADER, *(_held_rows(each, status) for each in status["tables"])])


def _held_rows(each: Answer, status: Answer) -> tuple[str, ...]:
    """Expected is a dash where the run that the table shows was never counted."""
    return (
        each["table"],
        shown(each.get("expected")),
        *(_of_warehouse(each.get(name), status) for name in ("there", "last_run")),
        "-" if each.get("freshness_s") is None else f"{each['freshness_s']:.0f} s",
    )


def _of_warehouse(number: Any, status: Answer) -> str:
    """Nobody knows, while it does not answer."""
    return "?" if number is None and status.get("no_answer") else shown(number)


def _counted(name: str, number: Any, status: Answer) -> str:
    """Of more runs than were looked at it is known to be behind by so many at the least."""
    return _of_warehouse(number, status) + ("+" if name == "behind" and status.get("unread_runs") else "")


def screen(status: Answer, color: bool, options: str = "") -> str:
    rows = [
        (*_held_rows(each, status), *(_counted(name, each.get(name, 0), status) for name in COUNTS))
        for each in status["tables"]
    ]
    troubled = [any(each.get(name) for name in COUNTS if name != "messages") for each in status["tables"]]
    header, *lines = aligned([(*HEADER, *TROUBLES), *rows]).splitlines()
    painted = [_painted(line, RED, color and bad) for line, bad in zip(lines, troubled, strict=True)]
    first = _first_line(status, color)
    return "\n".join([first, header, *painted, *_incidents(status, color), *_others(status, color, options)])


def _first_line(status: Answer, color: bool) -> str:
    well = "NOT WELL" if status.get("not_well") else "all is well"
    watched = status.get("watched_s")
    looked = "watch has never looked" if watched is None else f"watch looked {watched:.0f} s ago"
    loaded = _of_warehouse(status["loaded_run"], status)
    said = f"{well}; run {status['newest_run']}, {loaded} loaded; {looked}"
    return _painted(said, RED if status.get("not_well") else GREEN, color)


def _incidents(status: Answer, color: bool) -> Iterator[str]:
    for each in status.get("incidents", ()):
        since = datetime.fromisoformat(each["since"])
        yield _painted(f"INCIDENT  {_name(each)}, since {since:%F %T} UTC: {each['says']}", RED, color)
        yield f"          run {each['command']}; docs/runbook.md#{each['runbook']}"


def _name(incident: Answer) -> str:
    return f"{incident['kind']} {incident['subject']}".rstrip()


def _others(status: Answer, color: bool, options: str) -> Iterator[str]:
    """What is not well and no incident, and of the warehouse and of rows what to do."""
    told = {_name(each) for each in status.get("incidents", ())}
    differing = {_rows(each): each for each in status["tables"] if each.get("resync")}
    for line in status.get("not_well", ()):
        what, _, why = line.partition(": ")
        said = one_line(what, why, FUNCTIONS) if what == "warehouse" else line
        if line in told or (line in differing and f"table damaged {what}" in told):
            continue
        yield _painted(f"NOT WELL  {said}", RED, color)
        if line in differing:
            yield f"          run ./infra_bash/resync.sh {' '.join(differing[line]['resync'])}{options}"


def _rows(table: Answer) -> str:
    """As the status says it."""
    return f"{table['table']}: {table['there']} rows of {table['expected']}"


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
    return NOT_WELL if status.get("not_well") and how != "table" else 0


if __name__ == "__main__":
    sys.exit(main())
