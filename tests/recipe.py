"""What CONTRIBUTING.md tells to write, by the place that it names just before."""

import re
from functools import cache
from pathlib import Path
from types import ModuleType

from shared.warehouse.registry import Target, target_from

GUIDE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def block(path: str) -> str:
    """The block of code that follows the first mention of `path`."""
    found = re.search(rf"`{re.escape(path)}`.*?\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found, f"CONTRIBUTING.md says nothing to write into {path}"
    return found[1]


def module(table: str, name: str = "") -> str:
    """The text of its module, under another name: somebody may have made this very table by now."""
    return block(module_path(table)).replace(table, name or table)


def module_path(table: str) -> str:
    return f"shared/warehouse/{table}.py"


@cache
def target(table: str, name: str) -> Target:
    """What its module declares under another name. Made once: no table can be declared twice."""
    made = ModuleType(f"shared.warehouse.{name}")
    exec(module(table, name), made.__dict__)
    return target_from(made)
