"""Print a JSON answer of the AWS CLI as lines: one for each element, its fields separated by tabs; nothing for null.

    python -m ops.cli.rows <ANSWER

Bash needs lines. --output text cannot give them where an operation is paged: the CLI applies --query to each page of a
text answer, so that `[0]` or `null` comes once a page. The pages of a JSON answer are joined first.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any


def rows(answer: Any) -> Iterator[str]:
    """Return the lines of `answer`, a list or one value."""
    for each in answer if isinstance(answer, list) else [answer]:
        if each is not None:
            yield "\t".join(map(str, each)) if isinstance(each, list) else str(each)


def main() -> None:
    text = sys.stdin.read()
    if text.strip():
        print("".join(f"{row}\n" for row in rows(json.loads(text))), end="")


if __name__ == "__main__":
    main()
