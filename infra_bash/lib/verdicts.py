"""Compares what is wanted with what is there: one line per thing, `create|update|ok|delete NAME WHAT`.

    python -m infra_bash.lib.verdicts FOLDER KIND

FOLDER/KIND/*.json are the wanted requests, FOLDER/have/ holds AWS's answers: one file per bulk read, one
folder per kind that can only be read one by one. WHAT is what differs, or the id of what is to be changed.
Only what a request asks for is compared: what AWS adds by itself is no difference.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from infra_bash.lib.judged.alerts import Alerts
from infra_bash.lib.judged.base import Line
from infra_bash.lib.judged.buckets import Buckets
from infra_bash.lib.judged.functions import Functions
from infra_bash.lib.judged.github import GitHub
from infra_bash.lib.judged.queues import Queues


class Stack(Buckets, Queues, Functions, Alerts, GitHub):
    """Every kind of verdict."""


def main() -> None:
    folder, kind = sys.argv[1:]
    judge: Callable[[], Iterator[Line]] = getattr(Stack(Path(folder)), kind)
    for verdict, name, what in judge():
        print(f"{verdict}\t{name}\t{what}")


if __name__ == "__main__":
    main()
