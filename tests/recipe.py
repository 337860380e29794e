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


def paste(printed: str, tree: Path) -> list[str]:
    """Paste each text of a proposal where its heading says, and return the files."""
    paths = []
    for path, place, body in re.findall(r"^==== (\S+), ([^\n]*)\n(.*?)(?=\n\n====)", printed, re.MULTILINE | re.DOTALL):
        file = tree / path
        match place:
            case "a new file":
                assert not file.exists()
                file.write_text(f"{body}\n")
            case "at the end":
                file.write_text(f"{file.read_text()}\n{body}\n")
            case "in TABLES":
                before, after = file.read_text().split("    for table in (\n")
                file.write_text(f"{before}    for table in (\n{body}\n{after}")
            case "its import of them":
                file.write_text(re.sub("^from shared.columns import .*$", body, file.read_text(), flags=re.MULTILINE))
            case other:
                raise AssertionError(f"nobody knows where {other} is")
        paths.append(path)
    return sorted(set(paths))


def transcript(page: str, command: str) -> str:
    """The first block of a terminal in which this command is run."""
    blocks = re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return next((block for block in blocks if re.search(rf"^\$ .*{re.escape(command)}", block, re.MULTILINE)), "")


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
