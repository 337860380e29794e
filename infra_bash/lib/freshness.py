"""Shows how long changes took into the warehouse, for bash: inspect's answer as JSON from stdin.

python -m infra_bash.lib.freshness text|json [TABLE…]
"""

import json
import sys
from typing import Any

from infra_bash.lib.answers import aligned, only
from infra_bash.lib.terminal import printable

Answer = dict[str, Any]
BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"


def text(answer: Answer) -> str:
    if not answer["tables"]:
        return f"nothing that had changed became visible in the last {answer['hours']:g} hours"
    highest = max(each["max_s"] for each in answer["tables"])
    scale = f"THE LAST {answer['hours']:g} HOURS, {BARS[-1]} IS {highest:.0f} s"
    first, *rows = aligned([("TABLE", "LOADS", "P50", "P95", "MAX"), *map(_numbers, answer["tables"])]).splitlines()
    plots = [plot(each["course"], highest) for each in answer["tables"]]
    return "\n".join(map("  ".join, zip([first, *rows], [scale, *plots], strict=True)))


def _numbers(each: Answer) -> tuple[str, ...]:
    return (each["table"], str(each["loads"]), *(f"{each[name]:.0f} s" for name in ("p50_s", "p95_s", "max_s")))


def plot(course: list[float | None], highest: float) -> str:
    """A bar for each time, as high as its slowest load; a dot where nothing was loaded."""
    return "".join(NOTHING if age is None else BARS[_height(age, highest)] for age in course)


def _height(age: float, highest: float) -> int:
    return min(int(len(BARS) * max(age, 0.0) / highest), len(BARS) - 1) if highest > 0 else 0


def main() -> None:
    how, *names = sys.argv[1:]
    answer = only(json.load(sys.stdin), names)
    print(json.dumps(answer) if how == "json" else text(printable(answer)))


if __name__ == "__main__":
    main()
