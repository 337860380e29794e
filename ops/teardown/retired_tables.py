"""Says what is left of warehouse tables that no module declares any more: `delete WORD NAME ID NOTE`, with tabs.

    python -m ops.teardown.retired_tables FOLDER

FOLDER/roles/*.json are the wanted roles, FOLDER/have/ holds AWS's answers; PROJECT and STAGE come from the
environment. The lines are in the order in which things can go, dependants first; the last of each table, `keep`, says
what stays. A table is known by its function's role, which carries our tags and so goes last: a removal that was
stopped is found again. That another stage's name begins like ours means nothing.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ops.stack.actual.base import Thing
from ops.stack.verdicts import StackDifferences
from shared.names import Names

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class Line(NamedTuple):
    """`id` is what remove.sh deletes a thing by."""

    verdict: str
    word: str
    name: str
    id: str
    note: str = ""


def retired(stack: StackDifferences, names: Names) -> Iterator[Line]:
    roles = {role["RoleName"]: role for role in stack.have("roles").get("RoleDetailList", [])}
    for name, role in sorted(roles.items()):
        made_for = re.fullmatch(re.escape(names.transform("")) + r"((?:dim|fact)_\w+)", name)
        if made_for and name not in stack.want("roles") and _bears_tags(role, names):
            yield from _left_of(made_for[1], role, stack, names)


def _bears_tags(role: Thing, names: Names) -> bool:
    tags = {(tag["Key"], tag["Value"]) for tag in role.get("Tags", [])}
    return tags >= {("project", names.project), ("stage", names.stage)}


def _left_of(table: str, role: Thing, stack: StackDifferences, names: Names) -> Iterator[Line]:
    function, queue = names.transform(table), names.queue(table)
    for mapping in stack.have("mappings").get("EventSourceMappings", []):
        if _last(mapping["FunctionArn"]) == function and mapping.get("State") != "Deleting":
            yield Line("delete", "mapping", function, mapping["UUID"])
    for line in stack.lines("subscriptions.txt"):
        _, arn, _, endpoint = line.split()
        if _last(endpoint) == queue and arn.startswith("arn:"):
            yield Line("delete", "subscription", queue, arn)
    if function in [each["FunctionName"] for each in stack.have("functions").get("Functions", [])]:
        yield Line("delete", "function", function, function)
    urls = {url.rpartition("/")[2]: url for url in stack.lines("queue_urls.txt")}
    for name, what in ((queue, "message"), (names.dead_letter_queue(table), "dead letter")):
        if name in urls:
            yield Line("delete", "queue", name, urls[name], _messages(stack.each("queues").get(name, {}), what))
    group = f"/aws/lambda/{function}"
    if group in [each["logGroupName"] for each in stack.have("log_groups").get("logGroups", [])]:
        yield Line("delete", "log group", group, group)
    for policy in role.get("RolePolicyList", []):
        yield Line("delete", "role policy", function, f"{function}/{policy['PolicyName']}")
    yield Line("delete", "role", function, function)
    yield Line("keep", "table", table, table, "stays in the warehouse; it is no longer filled")


def _last(arn: str) -> str:
    return arn.rpartition(":")[2]


def _messages(queue: Thing, what: str) -> str:
    """How many go with a queue; nothing when there are none."""
    count = sum(int(queue.get("Attributes", {}).get(name, 0)) for name in COUNTS)
    return f"with {count} {what}{'s' if count > 1 else ''}" if count else ""


def main() -> None:
    names = Names(os.environ["PROJECT"], os.environ["STAGE"], "", "")
    for line in retired(StackDifferences(Path(sys.argv[1])), names):
        print("\t".join(line))


if __name__ == "__main__":
    main()
