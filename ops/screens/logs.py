"""Print new lines of the functions' logs, in order of time.

python -m ops.screens.logs FOLDER SUBJECT RUN

FOLDER holds the answers of filter-log-events, `<function>.events.json` each, and in `since_ms` their start time, which
this advances for the next call; `shown` remembers the printed lines. SUBJECT is a function or a
warehouse table, of which load's lines are also shown; RUN, if not empty, is the only run to show.
"""

import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.screens.terminal import escaped

Event = dict[str, Any]
LAMBDA_LINES = re.compile(r"(START|END|REPORT|INIT_START|EXTENSION|XRAY)\b")
# CloudWatch may show a line only some time after it was logged.
LATE_MS = 30_000


def facts_of(message: str) -> Event:
    """Return the fields of a line of ours; nothing for other lines."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def is_about(message: str, function: str, subject: str, run: str) -> bool:
    """Return whether a line is about the subject and the run. A line that is not JSON (a traceback, a timeout) has no
    run."""
    facts = facts_of(message)
    if function == "load" and subject != "load" and facts.get("table") != subject:
        return False
    return not run or str(facts.get("run")) == run


def identity(event: Event) -> str:
    """Return an identity of the event: AWS has event ids, the emulator has none."""
    text = f"{event['timestamp']} {event.get('logStreamName')} {event['message']}"
    return hashlib.sha256(text.encode()).hexdigest()


def new_lines(answers: dict[str, Event], subject: str, run: str, shown: set[str]) -> list[tuple[int, str, str]]:
    """Return (time, identity, message) of each event that was not shown before, in order. Events of the same
    millisecond stay in the order of the answer.
    """
    found = [
        (event["timestamp"], identity(event), event["message"].rstrip("\n"))
        for function, answer in answers.items()
        for event in answer.get("events", ())
        if identity(event) not in shown
        and not LAMBDA_LINES.match(event["message"])
        and is_about(event["message"], function, subject, run)
    ]
    return sorted(found, key=lambda line: line[0])


def main() -> None:
    folder, subject, run = Path(sys.argv[1]), *sys.argv[2:]
    answers = {
        path.name.removesuffix(".events.json"): json.loads(path.read_text() or "{}")
        for path in sorted(folder.glob("*.events.json"))
    }
    memory = folder / "shown"
    shown = set(memory.read_text().split()) if memory.exists() else set()
    lines = new_lines(answers, subject, run, shown)
    for at, _, message in lines:
        # A traceback has several lines.
        shown_lines = "\n".join(map(escaped, message.split("\n")))
        print(f"{datetime.fromtimestamp(at / 1000, UTC):%F %T}  {shown_lines}", flush=True)
    memory.write_text("\n".join(shown | {event for _, event, _ in lines}))
    newest = max((event["timestamp"] for answer in answers.values() for event in answer.get("events", ())), default=0)
    since = folder / "since_ms"
    since.write_text(str(max(newest - LATE_MS, int(since.read_text()))))


if __name__ == "__main__":
    main()
