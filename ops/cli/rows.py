"""Prints a JSON answer of the AWS CLI as lines: one for each element, its fields with tabs; nothing for null.

    python -m ops.cli.rows <ANSWER

Bash wants lines, and --output text is no way to them where an operation is paged: the CLI applies --query to each page
of a text answer by itself, so that `[0]` or `null` comes once a page. A JSON answer it puts together first.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any


def rows(answer: Any) -> Iterator[str]:
    for each in answer if isinstance(answer, list) else [answer]:
        if each is not None:
            yield "\t".join(map(str, each)) if isinstance(each, list) else str(each)


def main() -> None:
    text = sys.stdin.read()
    if text.strip():
        print("".join(f"{row}\n" for row in rows(json.loads(text))), end="")


if __name__ == "__main__":
    main()
