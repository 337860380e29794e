"""Show the catalogue beside the live schema, for catalogue.sh: extract's answer as JSON from stdin.

python -m ops.screens.catalogue text|verbose|json [TABLE...]
"""

import json
import sys
from typing import Any

from ops.answers import aligned_words, only
from ops.screens.terminal import printable

Answer = dict[str, Any]


def text(answer: Answer, *, is_verbose: bool) -> str:
    """Return how many tables agree, and the columns of each that does not, or has one that is ignored; all columns
    when `is_verbose`."""
    tables = answer["tables"]
    shown = [each for each in tables if is_verbose or not _agrees(each) or any(map(_remark, each["columns"]))]
    agreeing = sum(map(_agrees, tables))
    summary = f"{agreeing} table{'' if agreeing == 1 else 's'} agree{'s' if agreeing == 1 else ''}"
    return "\n\n".join([*_durability_remark(answer.get("unasked")), *map(_table, shown), summary])


def _agrees(table: Answer) -> bool:
    """Return whether the live table is as it was agreed, and is not held."""
    return not (table["problem"] or table["held_since_run"])


def _durability_remark(problem: str | None) -> list[str]:
    """Return a remark when the source's WAL position cannot be read. On a server without a WAL of its own no right
    helps."""
    if problem is None:
        return []
    return [
        f"The source cannot say how far its WAL is written: {problem}.\nNothing is lost by that: each run that found"
        ' changes makes a commit of its own instead (docs/design.md, "A server whose WAL cannot be asked").'
    ]


def _table(table: Answer) -> str:
    kind = "reference" if table["reference"] else "transactional"
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
        return "not in the catalogue: ignored"
    return "" if column["live"] else "MISSING"


def main() -> None:
    shown_as, *tables = sys.argv[1:]
    answer = only(json.load(sys.stdin), tables)
    is_verbose = shown_as == "verbose" or bool(tables)
    print(json.dumps(answer) if shown_as == "json" else text(printable(answer), is_verbose=is_verbose))


if __name__ == "__main__":
    main()
