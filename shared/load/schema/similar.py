"""Names that a person could take for another: fact_purchase_order and fact_purchase_orders. Pure."""

import re
from collections.abc import Collection


def stem(name: str) -> str:
    """Return the name without case, separators and plurals."""
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if word]
    return "".join(_singular(word) for word in words)


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def alike(declared: str, present: Collection[str]) -> list[str]:
    """Return the existing names that are another spelling of the declared one."""
    return sorted(name for name in present if name != declared and stem(name) == stem(declared))
