"""List what is left of warehouse tables that no module declares any more: `delete WORD NAME ID NOTE`, with tabs.

    python -m ops.teardown.retired_tables FOLDER

FOLDER/roles/*.json are the desired roles, FOLDER/actual/ holds AWS's answers; PROJECT and STAGE come from the
environment. The lines are in the order of deletion, dependants first; the last line of each table, `keep`, names the
table itself, which stays. A retired table is found by its function's role. The role has our tags, which the roles of
another stage do not have, and is deleted last, so that an interrupted removal is continued by the next deploy.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.stack.resources.base import Json, StackState
from ops.teardown.planned_removal import PlannedRemoval
from shared.names import Names

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


def retired(stack: StackState, names: Names) -> Iterator[PlannedRemoval]:
    roles = {role["RoleName"]: role for role in stack.listed("roles", "RoleDetailList")}
    for name, role in sorted(roles.items()):
        created_for = re.fullmatch(re.escape(names.transform("")) + r"((?:dim|fact)_\w+)", name)
        if created_for and name not in stack.desired("roles") and _has_our_tags(role, names):
            yield from _removals(created_for[1], role, stack, names)


def _has_our_tags(role: Json, names: Names) -> bool:
    tags = {(tag["Key"], tag["Value"]) for tag in role.get("Tags", [])}
    return tags >= {("project", names.project), ("stage", names.stage)}


def _removals(table: str, role: Json, stack: StackState, names: Names) -> Iterator[PlannedRemoval]:
    function, queue = names.transform(table), names.queue(table)
    for mapping in stack.listed("mappings", "EventSourceMappings"):
        if _last(mapping["FunctionArn"]) == function and mapping.get("State") != "Deleting":
            yield PlannedRemoval("delete", "mapping", function, mapping["UUID"])
    for line in stack.lines("subscriptions.txt"):
        _, arn, _, endpoint = line.split()
        if _last(endpoint) == queue and arn.startswith("arn:"):
            yield PlannedRemoval("delete", "subscription", queue, arn)
    if function in [each["FunctionName"] for each in stack.listed("functions", "Functions")]:
        yield PlannedRemoval("delete", "function", function, function)
    urls = {url.rpartition("/")[2]: url for url in stack.lines("queue_urls.txt")}
    for name, what in ((queue, "message"), (names.dead_letter_queue(table), "dead letter")):
        if name in urls:
            yield PlannedRemoval(
                "delete", "queue", name, urls[name], _messages(stack.answers("queues").get(name, {}), what)
            )
    group = f"/aws/lambda/{function}"
    if group in [each["logGroupName"] for each in stack.listed("log_groups", "logGroups")]:
        yield PlannedRemoval("delete", "log group", group, group)
    for policy in role.get("RolePolicyList", []):
        yield PlannedRemoval("delete", "role policy", function, f"{function}/{policy['PolicyName']}")
    yield PlannedRemoval("delete", "role", function, function)
    yield PlannedRemoval("keep", "table", table, table, "stays in the warehouse; it is no longer filled")


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


def _messages(queue: Json, what: str) -> str:
    """Return how many messages are deleted with a queue; "" for none."""
    count = sum(int(queue.get("Attributes", {}).get(name, 0)) for name in COUNTS)
    return f"with {count} {what}{'s' if count > 1 else ''}" if count else ""


def main() -> None:
    names = Names(os.environ["PROJECT"], os.environ["STAGE"], "", "")
    for line in retired(StackState(Path(sys.argv[1])), names):
        print("\t".join(line))


if __name__ == "__main__":
    main()
