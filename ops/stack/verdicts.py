"""Compares what is wanted with what is there: one line per thing, `create|update|ok|delete NAME WHAT`.

    python -m ops.stack.verdicts FOLDER KIND

FOLDER/KIND/*.json are the wanted requests, FOLDER/have/ holds AWS's answers: one file per bulk read, one
folder per kind that can only be read one by one. WHAT is what differs, or the id of what is to be changed.
Only what a request asks for is compared: what AWS adds by itself is no difference.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ops.stack.actual.alerts import AlertDifferences
from ops.stack.actual.base import Line
from ops.stack.actual.buckets import BucketDifferences
from ops.stack.actual.functions import FunctionDifferences
from ops.stack.actual.github import GitHubDifferences
from ops.stack.actual.queues import QueueDifferences


class StackDifferences(BucketDifferences, QueueDifferences, FunctionDifferences, AlertDifferences, GitHubDifferences):
    """Every kind of verdict."""


def main() -> None:
    folder, kind = sys.argv[1:]
    judge: Callable[[], Iterator[Line]] = getattr(StackDifferences(Path(folder)), kind)
    for verdict, name, what in judge():
        print(f"{verdict}\t{name}\t{what}")


if __name__ == "__main__":
    main()
