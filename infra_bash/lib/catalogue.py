"""Shows the catalogue beside the live schema, as extract answers it on stdin.

python -m infra_bash.lib.catalogue text|json [TABLE...]
"""

import json
import sys
from typing import Any

from infra_bash.lib.answers import aligned_words, only

Answer = dict[str, Any]


def text(answer: Answer) -> str:
    return "\n\n".join(map(_table, answer["tables"]))


def _table(table: Answer) -> str:
    kind = "reference" if table["reference"] else "moving"
    lines: list[tuple[str, ...]] = [("COLUMN", "AGREED", "LIVE", "")]
    lines += [(each["name"], _agreed(each), each["live"] or "-", _remark(each)) for each in table["columns"]]
    return f"{table['table']} ({kind}, {table['fingerprint']}): {_state(table)}\n{aligned_words(lines)}"


def _state(table: Answer) -> str:
    since = f" since run {table['held_since_run']}" if table["held_since_run"] else ""
    if table["problem"]:
        return f"HELD{since}: {table['problem']}" if since else f"will be held: {table['problem']}"
    return f"agrees; held{since}, until a run can read it: {table['held']}" if since else "agrees"


def _agreed(column: Answer) -> str:
    if column["kind"] is None:
        return "-"
    return f"{column['kind']} or null" if column["nullable"] else f"{column['kind']}"


def _remark(column: Answer) -> str:
    if column["kind"] is None:
        return "not in the catalogue: left alone"
    return "" if column["live"] else "MISSING"


def main() -> None:
    shown_as, *tables = sys.argv[1:]
    answer = only(json.load(sys.stdin), tables)
    print(json.dumps(answer) if shown_as == "json" else text(answer))


if __name__ == "__main__":
    main()
