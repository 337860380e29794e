"""The network interfaces that Lambda has created in a VPC for functions."""

import re
from collections.abc import Collection, Iterator, Sequence

from ops.stack.resources.base import Json

# AWS's description of one: the function for which it was created first, and an id.
DESCRIPTION = re.compile("AWS Lambda VPC ENI-(.+?)(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")


def interfaces_left(listed: Sequence[Json], ours: Collection[str], functions: Sequence[Json]) -> Iterator[str]:
    """Yield the ids of the interfaces that AWS deletes once the functions `ours` are deleted.

    An interface is kept if another one of the account's `functions` uses it too, which is in the same subnet with the
    same security groups.
    """
    used = {network for each in functions if each["FunctionName"] not in ours for network in _networks(each)}
    for interface in listed:
        created_for = DESCRIPTION.fullmatch(interface.get("Description", ""))
        groups = frozenset(group["GroupId"] for group in interface.get("Groups", []))
        if created_for and created_for[1] in ours and (interface.get("SubnetId"), groups) not in used:
            yield interface["NetworkInterfaceId"]


def _networks(function: Json) -> Iterator[tuple[str, frozenset[str]]]:
    vpc = function.get("VpcConfig") or {}
    groups = frozenset(vpc.get("SecurityGroupIds") or [])
    return ((subnet, groups) for subnet in vpc.get("SubnetIds") or [])
