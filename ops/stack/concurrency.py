"""Choose how many invocations of one transform may run at once, from the account's limit.

    python -m ops.stack.concurrency <LIMIT

LIMIT is AWS's UnreservedConcurrentExecutions; empty or another word where AWS does not return it. Prints the value of
TRANSFORMS_AT_ONCE and, after a tab, the reason.
"""

import sys

from ops.stack.topology import TRANSFORMS_AT_ONCE, UNLIMITED_FROM


def choice(limit: str) -> tuple[str, str]:
    """Return the value of TRANSFORMS_AT_ONCE and the reason for it."""
    if not limit.isdecimal():
        return str(TRANSFORMS_AT_ONCE), "AWS does not say how many functions this account runs at once"
    reason = f"this account runs {limit} functions at once"
    return ("none" if int(limit) >= UNLIMITED_FROM else str(TRANSFORMS_AT_ONCE)), reason


if __name__ == "__main__":
    print("\t".join(choice(sys.stdin.read().strip())))
