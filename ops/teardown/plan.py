"""Print what exists of a stack: one line per resource, `delete WORD NAME ID` or `stays WORD NAME WHY`, with tabs.

    python -m ops.teardown.plan FOLDER yes|no

FOLDER/KIND/*.json are the desired requests, which know the names; FOLDER/actual/ holds AWS's answers; PROJECT and STAGE
come from the environment. The order is the reverse of that in ops/stack/resources/kinds.py. Data, which are the
secrets and the buckets, come last and are deleted with `yes`.

A resource is ours when the topology has its name, or when it has both our tags, so that resources of an older version
are deleted, too. It exists when its own service lists it: the list of tagged resources shows deleted ones for hours. A
name with our prefix is not enough, because the name of another stage may begin with ours.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.stack.resources.base import LISTED, LOGS, Inventory, Removals, StackState, arn_parts
from ops.stack.resources.iam import roles_still_needed
from ops.stack.resources.kinds import KINDS

# The services from which only names with our prefix are read.
LISTED_BY_PREFIX = {"cloudwatch", "events", "iam", "logs", "sqs"}
WAITS = "AWS needs it to delete its network interfaces, in 20 to 40 minutes: run this again then"


def removals(inventory: Inventory, is_data: bool) -> Removals:
    for kind in reversed(KINDS.values()):
        if kind.is_data == is_data:
            yield from kind.removal(inventory)


def others(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Yield service and ARN of each resource that has our tags and is of no kind that a deploy creates."""
    for arn in inventory.tagged:
        service, kind, name = arn_parts(arn)
        is_read = service not in LISTED_BY_PREFIX or name.removeprefix(LOGS).startswith(inventory.prefix)
        if (service, kind) not in LISTED or not is_read:
            yield service, arn


def lines(inventory: Inventory, with_data: bool) -> Iterator[tuple[str, str, str, str]]:
    for word, name, by in removals(inventory, is_data=False):
        yield "delete", word, name, by
    still_needed = roles_still_needed(inventory)
    for name in (name for name in inventory.roles if name in still_needed):
        yield "stays", "role", name, WAITS
    for word, name, by in removals(inventory, is_data=True):
        yield ("delete", word, name, by) if with_data else ("stays", word, name, "until --with-data")
    for service, arn in others(inventory):
        yield "stays", service, arn, "not created by a deploy: delete it by hand"


def main() -> None:
    folder, with_data = sys.argv[1:]
    inventory = Inventory(StackState(Path(folder)), os.environ["PROJECT"], os.environ["STAGE"])
    for line in lines(inventory, with_data == "yes"):
        print("\t".join(line))


if __name__ == "__main__":
    main()
