"""Print what a deploy needs to verify that each schedule starts its function.

    python -m ops.schedules plan FOLDER          a line per schedule: rule, function, seconds, state, when
    python -m ops.schedules newest RULE <LINES   when the rule last started its function, 0 if never

FOLDER is that of compare.py, after all changes were made. The seconds are the interval between two starts if a deploy
waits for it, else 0. The state is `new` when the function was just created, `changed` when the deploy has changed
something that a start needs, so that only a later start verifies it, else `same`. LINES is the answer of
filter-log-events.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.screens.logs import facts_of
from ops.stack.resources.base import Json

# The longest interval for which a deploy waits. It waits for two starts: at most ten minutes.
LONGEST_S = 300
UNITS = {"minute": 60, "hour": 3600, "day": 86_400}


def interval_s(expression: str) -> int:
    """Return the seconds between two starts; 0 if they are too many, or for a cron, whose intervals may differ."""
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    seconds = int(rate[1]) * UNITS[rate[2]] if rate else 0
    return seconds if seconds <= LONGEST_S else 0


def when(expression: str) -> str:
    kind, _, rest = expression.rstrip(")").partition("(")
    return f"within {rest}" if kind == "rate" else f"at {expression}, UTC"


def plan(folder: Path) -> Iterator[tuple[str, str, int, str, str]]:
    changed = {kind: _changed(folder, kind) for kind in ("functions", "permissions", "rules", "rule_targets")}
    permissions = _requests(folder, "permissions")
    for rule, request in _requests(folder, "rules").items():
        function = _requests(folder, "rule_targets")[rule]["Targets"][0]["Arn"].rpartition(":")[2]
        allowing = {name for name, each in permissions.items() if each["SourceArn"].endswith(f":rule/{rule}")}
        is_changed = rule in changed["rules"] | changed["rule_targets"] or bool(allowing & changed["permissions"])
        state = "new" if function in changed["functions"] else "changed" if is_changed else "same"
        expression = request["ScheduleExpression"]
        yield rule, function, interval_s(expression), state, when(expression)


def _requests(folder: Path, kind: str) -> dict[str, Json]:
    return {file.stem: json.loads(file.read_text()) for file in sorted((folder / kind).glob("*.json"))}


def _changed(folder: Path, kind: str) -> set[str]:
    """Return the names of the resources that were changed."""
    file = folder / f"{kind}.diff"
    lines = file.read_text().splitlines() if file.exists() else []
    return {line.split("\t")[1] for line in lines if not line.startswith("ok\t")}


def newest(rule: str, answer: str) -> int:
    """Return the time of the rule's newest line. The emulator does not filter JSON lines, so this function does."""
    events = json.loads(answer).get("events", []) if answer.strip() else []
    return max((int(each["timestamp"]) for each in events if facts_of(each["message"]).get("rule") == rule), default=0)


def main() -> None:
    if sys.argv[1] == "newest":
        print(newest(sys.argv[2], sys.stdin.read()))
        return
    for line in plan(Path(sys.argv[2])):
        print("\t".join(map(str, line)))


if __name__ == "__main__":
    main()
