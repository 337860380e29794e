"""Show how long changes took until they were in the warehouse, for freshness.sh: inspect's answer as JSON from stdin.

python -m ops.screens.freshness text|json [TABLE…]
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ops.answers import aligned, only
from ops.screens.terminal import printable

Answer = dict[str, Any]
BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
COLUMNS = ("TABLE", "LOADS", "P50", "P95", "MAX", "RUN", "AT LEAST")


def text(answer: Answer) -> str:
    return "\n".join([*_tables(answer), *_remarks(answer)])


def _tables(answer: Answer) -> Iterator[str]:
    if not answer["tables"]:
        yield f"no change became visible in the last {answer['hours']:g} hours"
        return
    highest = max(each["max_s"] or 0.0 for each in answer["tables"])
    scale = f"THE LAST {answer['hours']:g} HOURS, {BARS[-1]} IS {highest:.0f} s"
    first, *rows = aligned([COLUMNS, *map(_numbers, answer["tables"])]).splitlines()
    plots = [plot(each["course"], highest) for each in answer["tables"]]
    yield from map("  ".join, zip([first, *rows], [scale, *plots], strict=True))


def _numbers(each: Answer) -> tuple[str, ...]:
    if not each["loads"]:
        return (each["table"], "0", *["-"] * (len(COLUMNS) - 2))
    slowest = each["slowest"][0]
    seconds = (f"{each[name]:.0f} s" for name in ("p50_s", "p95_s", "max_s"))
    return (each["table"], str(each["loads"]), *seconds, str(slowest["run"]), f"{slowest['at_least_s']:.0f} s")


def _remarks(answer: Answer) -> Iterator[str]:
    left_out = Counter[str]()
    for each in answer["tables"]:
        left_out.update(each["left_out"])
    if left_out:
        loads = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
        yield f"loads left out, because their rows may have changed long before: {loads}"
    if answer["clocks_apart_s"]:
        yield (
            f"the warehouse's clock is at least {answer['clocks_apart_s']:g} s behind the source's: "
            "each number is too small by that"
        )


def plot(course: list[float | None], highest: float) -> str:
    """Return a bar per time slice, as high as its slowest load; a dot where nothing was loaded."""
    return "".join(NOTHING if age is None else BARS[_height(age, highest)] for age in course)


def _height(age: float, highest: float) -> int:
    return min(int(len(BARS) * max(age, 0.0) / highest), len(BARS) - 1) if highest > 0 else 0


def main() -> None:
    how, *names = sys.argv[1:]
    answer = only(json.load(sys.stdin), names)
    print(json.dumps(answer) if how == "json" else text(printable(answer)))


if __name__ == "__main__":
    main()
