"""The network interfaces that Lambda has made in a VPC for functions."""

import re
from collections.abc import Collection, Iterator, Sequence

from ops.stack.actual.base import Thing

# As AWS describes one: the function that it was made for first, and a number.
DESCRIPTION = re.compile("AWS Lambda VPC ENI-(.+?)(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?")


def interfaces_left(listed: Sequence[Thing], ours: Collection[str], functions: Sequence[Thing]) -> Iterator[str]:
    """Return the ids of those that AWS takes away once the functions `ours` are gone.

    One that another of the account's `functions` also uses, for it stands in the same subnet with the same security
    groups, stays for that one.
    """
    used = {place for each in functions if each["FunctionName"] not in ours for place in _places(each)}
    for interface in listed:
        made_for = DESCRIPTION.fullmatch(interface.get("Description", ""))
        groups = frozenset(group["GroupId"] for group in interface.get("Groups", []))
        if made_for and made_for[1] in ours and (interface.get("SubnetId"), groups) not in used:
            yield interface["NetworkInterfaceId"]


def _places(function: Thing) -> Iterator[tuple[str, frozenset[str]]]:
    vpc = function.get("VpcConfig") or {}
    groups = frozenset(vpc.get("SecurityGroupIds") or [])
    return ((subnet, groups) for subnet in vpc.get("SubnetIds") or [])
