"""Between which two looks at the source what a load makes visible was committed. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class Bounds(NamedTuple):
    """It was committed after `changed_after` and not later than the run's snapshot; or `left_out` is a code that says
    why that is not known. Both None: written by a version that did not keep them."""

    changed_after: datetime | None = None
    left_out: str | None = None


def together(each: Sequence[Bounds]) -> Bounds:
    """Return the bounds of all of them together."""
    left_out = next((one.left_out for one in each if one.left_out), None)
    times = [one.changed_after for one in each if one.changed_after]
    is_known = not left_out and times and len(times) == len(each)
    return Bounds(min(times) if is_known else None, left_out)
