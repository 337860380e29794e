"""Shows runs, for bash: answers of extract and inspect, as JSON from stdin.

python -m ops.screens.runs run          the number of the run that was made; nothing when extract was busy
python -m ops.screens.runs preview      what would be read
python -m ops.screens.runs progress     `loaded`, or what is waited for
python -m ops.screens.runs loaded       what the run changed in each warehouse table
python -m ops.screens.runs reconciled   what it found otherwise than in the source, by name
python -m ops.screens.runs json         all of it, for programs
"""

import json
import sys
from typing import Any

from ops.answers import aligned, aligned_words
from ops.screens.terminal import read_answer

Answer = dict[str, Any]
# So many names are a line or two; --json has all that were kept.
SHOWN = 20


def run(answer: Answer) -> str:
    return "" if answer["busy"] else str(answer["run"])


def preview(answer: Answer) -> str:
    postponed = [f"not now: {table}: {reason}" for table, reason in answer.get("postponed", {}).items()]
    runs = [_would_be_read(each) for each in answer["runs"]] or ["nothing has changed: there would be no run"]
    return "\n".join([*runs, *postponed])


def _would_be_read(run: Answer) -> str:
    lines: list[tuple[str, ...]] = [("TABLE", "MODE", "ROWS", "BECAUSE")]
    lines += [(each["table"], each["mode"], str(each["rows"]), each["reason"]) for each in run["tables"]]
    held = [f"held: {reason}" for reason in run["held"].values()]
    goes_to = f"for: {', '.join(run['targets']) or 'no warehouse table'}"
    return "\n".join([f"run {run['run']} ({run['cause']})", aligned_words(lines), *held, goes_to])


def progress(answer: Answer) -> str:
    """Tables that wait for the same are told together."""
    waiting: dict[str, list[str]] = {}
    for target in answer["targets"]:
        if target["state"].startswith("waits"):
            waiting.setdefault(target["state"], []).append(target["table"])
    return "; ".join(f"{_few(tables)} {state}" for state, tables in waiting.items()) or "loaded"


def _few(tables: list[str]) -> str:
    return tables[0] if len(tables) == 1 else f"{tables[0]} and {len(tables) - 1} more:"


def loaded(answer: Answer) -> str:
    columns = ("rows", "inserted", "updated", "deleted", "unchanged", "waiting", "quarantined")
    header = ("TABLE", "ROWS", "NEW", "CHANGED", "DELETED", "SAME", "WAITING", "QUARANTINED", "SECONDS")
    return aligned([header, *(_line(each, columns) for each in answer["targets"])])


def reconciled(answer: Answer) -> str:
    """Of a fact or a dimension: rows compared with the source, and those that were not as there. They are mended."""
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
    questions = {"run": run, "preview": preview, "progress": progress, "loaded": loaded, "reconciled": reconciled}
    question = sys.argv[1]
    # JSON writes out by itself what is not ASCII.
    print(json.dumps(json.load(sys.stdin)) if question == "json" else questions[question](read_answer(sys.stdin)))


if __name__ == "__main__":
    main()
