"""List what is left of warehouse tables that no module declares any more: `delete WORD NAME ID NOTE`, with tabs.

    python -m ops.teardown.retired_tables FOLDER

FOLDER/roles/*.json are the desired roles, FOLDER/actual/ holds AWS's answers; PROJECT and STAGE come from the
environment. The lines are in the order of deletion, which is the reverse of that in ops/stack/resources/kinds.py; the
last line of each table, `keep`, names the table itself, which stays. A retired table is found by its function's role.
The role has our tags, which the roles of another stage do not have, and is deleted last, so that an interrupted removal
is continued by the next deploy.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.stack.resources.base import Inventory, Json, StackState, last
from ops.stack.resources.kinds import KINDS
from ops.teardown.planned_removal import PlannedRemoval
from shared.names import Names

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class TableInventory(Inventory):
    """The resources of one retired table."""

    def __init__(self, state: StackState, names: Names, table: str) -> None:
        super().__init__(state, names.project, names.stage)
        function = names.transform(table)
        self.functions, self.roles = {function}, {function: self.roles[function]}
        self.queues = {names.queue(table), names.dead_letter_queue(table)}
        self.topics = set()

    def ours(self, service: str, kind: str, *desired: str) -> set[str]:
        """Return no names: the desired resources belong to other tables."""
        return set()

    def has_subscription(self, topic: str, endpoint: str) -> bool:
        return last(endpoint) in self.queues


def retired(stack: StackState, names: Names) -> Iterator[PlannedRemoval]:
    for name in sorted(Inventory(stack, names.project, names.stage).roles):
        created_for = re.fullmatch(re.escape(names.transform("")) + r"((?:dim|fact)_\w+)", name)
        if created_for and name not in stack.desired("roles"):
            table = created_for[1]
            yield from _removals(TableInventory(stack, names, table))
            yield PlannedRemoval("keep", "table", table, table, "stays in the warehouse; it is no longer filled")


def _removals(inventory: TableInventory) -> Iterator[PlannedRemoval]:
    for kind in reversed(KINDS.values()):
        if kind.is_per_table:
            for word, name, id_ in kind.removal(inventory):
                messages = _messages(inventory.state.answers("queues").get(name, {}), name) if word == "queue" else ""
                yield PlannedRemoval("delete", word, name, id_, messages)


def _messages(queue: Json, name: str) -> str:
    """Return how many messages are deleted with a queue; "" for none."""
    noun = "dead letter" if name.endswith("-dlq") else "message"
    count = sum(int(queue.get("Attributes", {}).get(attribute, 0)) for attribute in COUNTS)
    return f"with {count} {noun}{'s' if count > 1 else ''}" if count else ""


def main() -> None:
    names = Names(os.environ["PROJECT"], os.environ["STAGE"], "", "")
    for line in retired(StackState(Path(sys.argv[1])), names):
        print("\t".join(line))


if __name__ == "__main__":
    main()
