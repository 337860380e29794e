"""Show runs, for bash: answers of extract and inspect as JSON from stdin.

python -m ops.screens.runs run          the number of the run that was committed; nothing when extract was busy
python -m ops.screens.runs absent       the keys that were requested and that the source does not have
python -m ops.screens.runs preview      what would be read
python -m ops.screens.runs progress     `loaded`, or what the run waits for
python -m ops.screens.runs loaded       what the run changed in each warehouse table
python -m ops.screens.runs reconciled   the rows that differed from the source, by key
python -m ops.screens.runs json         all of it, for programs
"""

import json
import sys
from typing import Any

from ops.answers import aligned, aligned_words
from ops.screens.terminal import read_answer
from shared.wording.runs import WAITING

Answer = dict[str, Any]
# The keys that are shown, which fill a line or two; --json has all that were stored.
SHOWN = 20


def run(answer: Answer) -> str:
    return "" if answer["busy"] else str(answer["run"])


def absent(answer: Answer) -> str:
    """Return a line for each table that lacks a key that was requested."""
    return "\n".join(f"{table} has no row {_some(list(map(str, keys)))}" for table, keys in answer["absent"].items())


def preview(answer: Answer) -> str:
    postponed = [f"postponed: {table}: {reason}" for table, reason in answer.get("postponed", {}).items()]
    runs = [_would_be_read(each) for each in answer["runs"]] or ["nothing has changed: no run would be made"]
    return "\n".join([*runs, *postponed])


def _would_be_read(run: Answer) -> str:
    lines: list[tuple[str, ...]] = [("TABLE", "MODE", "ROWS", "BECAUSE")]
    lines += [(each["table"], each["mode"], str(each["rows"]), each["reason"]) for each in run["tables"]]
    held = [f"held: {reason}" for reason in run["held"].values()]
    goes_to = f"for: {', '.join(run['targets']) or 'no warehouse table'}"
    return "\n".join([f"run {run['run']} ({run['cause']})", aligned_words(lines), *held, goes_to])


def progress(answer: Answer) -> str:
    """Return what the run waits for, or `loaded`. Tables that wait for the same are one entry."""
    waiting: dict[str, list[str]] = {}
    for target in answer["targets"]:
        if target["state"] in WAITING:
            waiting.setdefault(target["state"], []).append(target["table"])
    return "; ".join(f"{_few(tables)} {WAITING[state]}" for state, tables in waiting.items()) or "loaded"


def _few(tables: list[str]) -> str:
    return tables[0] if len(tables) == 1 else f"{tables[0]} and {len(tables) - 1} more:"


def loaded(answer: Answer) -> str:
    columns = ("rows", "inserted", "updated", "deleted", "unchanged", "waiting", "quarantined")
    header = ("TABLE", "ROWS", "NEW", "CHANGED", "DELETED", "SAME", "WAITING", "QUARANTINED", "SECONDS")
    return aligned([header, *(_line(each, columns) for each in answer["targets"])])


def reconciled(answer: Answer) -> str:
    """Return per table the rows compared with the source, and those that differed and were repaired."""
    columns = ("rows", "updated", "inserted", "deleted")
    header = ("TABLE", "COMPARED", "DIFFERING", "MISSING", "GONE", "SECONDS")
    table = aligned([header, *(_line(each, columns) for each in answer["targets"])])
    names = [
        f"{each['table']} {found}: {_some(keys)}"
        for each in answer["targets"]
        for found, keys in each.get("named", {}).items()
    ]
    return "\n".join([f"run {answer['run']}, source as of {answer['snapshot_at'][:19]} UTC", table, *names])


def _line(target: Answer, columns: tuple[str, ...]) -> tuple[str, ...]:
    seconds = f"{target['seconds']:.1f}" if target.get("seconds") is not None else "-"
    return (target["table"], *(str(target.get(column, "-")) for column in columns), seconds)


def _some(keys: list[str]) -> str:
    more = f" … and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def main() -> None:
    questions = {each.__name__: each for each in (run, absent, preview, progress, loaded, reconciled)}
    question = sys.argv[1]
    # json.dumps escapes characters that are not ASCII.
    print(json.dumps(json.load(sys.stdin)) if question == "json" else questions[question](read_answer(sys.stdin)))


if __name__ == "__main__":
    main()
