"""Print the event for why.sh, and show the answer.

    python -m ops.screens.lineage question any|fact TABLE ID     prints the event for the function inspect
    python -m ops.screens.lineage text|json <ANSWER              prints what it answered

The answers are those of shared/lineage/answers.py as JSON: a Chain has an id, a Journey has arrivals.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from ops.screens.terminal import read_answer

Answer = dict[str, Any]
# The length of 2026-11-25 14:03:12.345: the steps' clocks are no more precise.
TIME = 23


def question(kind: str, table: str, id_: str) -> str:
    return json.dumps({"do": "why", "table": table, "business" if kind == "fact" else "id": id_})


def line(step: str, at: str | None, what: str) -> str:
    return f"{step:<12}{time(at):<{TIME}}  {what}".rstrip()


def time(at: str | None) -> str:
    return "" if at is None else at.removesuffix("Z").replace("T", " ")[:TIME]


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def text(answer: Answer) -> str:
    lines = chain(answer) if "id" in answer else journey(answer)
    return "\n".join([*lines, *(line("note", None, note) for note in answer["notes"])])


# ---- from a row back


def chain(answer: Answer) -> Iterator[str]:
    yield f"{answer['table']}, record {answer['id']}, key {answer['key']} (times are UTC)"
    yield from load(answer["load"], answer["inferred"])
    yield from manifest(answer["manifest"], answer["part"])
    for batch in answer["batches"]:
        rows = counted(batch["rows"], "row")
        yield line("batch", None, f"{batch['table']} of run {batch['run']}: {batch['mode']}, {rows}: {batch['reason']}")
        yield from part(batch["part"])
    for run in answer["runs"]:
        yield from run_lines(run)


def load(entry: Answer | None, inferred: bool) -> Iterator[str]:
    if entry:
        after = f", {entry['seconds']:.1f} s after its snapshot" if entry["seconds"] is not None else ""
        how = f"{entry['status']} (inferred)" if inferred else entry["status"]
        yield line("loaded", entry["loaded_at"], f"run {entry['run']} of log {entry['log']}: {how}{after}")


def manifest(entry: Answer | None, its_part: Answer | None) -> Iterator[str]:
    if entry:
        counts = f"{entry['mode']}, {counted(entry['rows'], 'row')}, {entry['quarantined']} quarantined"
        yield line("manifest", entry["written_at"], f"{entry['key']}: {counts}")
        same = "as the ledger has it" if entry["as_loaded"] else "NOT what the ledger has"
        yield line("", None, f"sha256 {entry['sha256']}, {same}")
        yield line("", None, f"code {entry['code']}, declaration {entry['declaration']}")
    yield from part(its_part)


def part(entry: Answer | None) -> Iterator[str]:
    if entry:
        yield line("  part", None, f"{entry['key']}: {counted(entry['rows'], 'row')}")


def run_lines(run: Answer) -> Iterator[str]:
    made = f"cause {run['cause']}, attempt {run['attempt']}, code {run['code']}"
    yield line("run", run["committed_at"], f"{run['key']}: {made}")
    ids = "" if run["xmin"] is None else f"xmin {run['xmin']}, xmax {run['xmax']}"
    yield line("  snapshot", run["snapshot_at"], ids)
    for message in run["messages"]:
        sent = "" if run["published_at"] else ", not known to be published"
        yield line("  message", run["published_at"], f"{json.dumps(message)}{sent}")


# ---- from a key forward


def journey(answer: Answer) -> Iterator[str]:
    yield f"{answer['table']}, key {answer['key']} (times are UTC)"
    for arrival in answer["arrivals"]:
        yield from arrival_lines(arrival)
    for other in answer["others"]:
        yield line("other", None, other)


def arrival_lines(arrival: Answer) -> Iterator[str]:
    table = arrival["table"]
    for version in arrival["versions"]:
        yield from version_lines(table, version)
    for state in ("waiting", "quarantined"):
        for entry in arrival[state]:
            yield line(state, entry["at"], f"{table}, run {entry['run']}: {entry['reason']}")
    for deletion in arrival["deletions"]:
        back = f"; back {time(deletion['ended_at'])}, run {deletion['ended_run']}" if deletion["ended_at"] else ""
        yield line("deleted", deletion["deleted_at"], f"{table}, run {deletion['run']}: its key was gone{back}")
    if not (arrival["versions"] or arrival["waiting"] or arrival["quarantined"] or arrival["deletions"]):
        yield line("none", None, f"{table} has no row of this key")
    if arrival["behind"]:
        yield line("behind", None, f"{table} has not loaded: run {', '.join(map(str, arrival['behind']))}")
    if arrival["held"]:
        yield line("held", None, f"{table}: {arrival['held']}")


def version_lines(table: str, version: Answer) -> Iterator[str]:
    entry = version["load"]
    yield line("record", entry and entry["loaded_at"], f"{table} {version['id']}{loaded(version)}")
    for batch in version["batches"]:
        yield line("  because", None, f"{batch['table']} {batch['mode']}: {batch['reason']}")
    if version["valid_from"]:
        until = time(version["valid_to"]) or "now"
        end = ", then deleted" if version["deleted_at"] else ""
        yield line("  valid", version["valid_from"], f"until {until}{end}")


def loaded(version: Answer) -> str:
    entry = version["load"]
    if entry is None:
        return ": no load of ours made it"
    cause = f", cause {version['cause']}" if version["cause"] else ""
    return f": {entry['status']} by run {entry['run']}{' (inferred)' if version['inferred'] else ''}{cause}"


def main() -> None:
    match sys.argv[1:]:
        case ["question", kind, table, id_]:
            print(question(kind, table, id_))
        case ["text"]:
            print(text(read_answer(sys.stdin)))
        case ["json"]:
            print(json.dumps(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
