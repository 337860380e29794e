"""Says how many of one transform may be at work at once, for an account that runs so many functions.

    python -m ops.stack.concurrency <LIMIT

LIMIT is AWS's UnreservedConcurrentExecutions; nothing, or another word, where AWS has not told. Prints the value of
TRANSFORMS_AT_ONCE and, after a tab, why.
"""

import sys

from ops.stack.topology import PLENTY_AT_ONCE, TRANSFORMS_AT_ONCE


def chosen(limit: str) -> tuple[str, str]:
    if not limit.isdecimal():
        return str(TRANSFORMS_AT_ONCE), "AWS does not say how many functions this account runs at once"
    why = f"this account runs {limit} functions at once"
    return ("none" if int(limit) >= PLENTY_AT_ONCE else str(TRANSFORMS_AT_ONCE)), why


if __name__ == "__main__":
    print("\t".join(chosen(sys.stdin.read().strip())))
