"""Print which files and functions of ours one changed sales order passes, in the order in which they are first called.

    python -m benchmarks.walk [--functions]

The product's handlers run in one process, with a real PostgreSQL and moto for AWS. All is warm and nothing else moves,
so that what is called is called because of the one sales order.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

from benchmarks.calls import ROOT, StackInProcess, own_stack

ROOMS = ("handlers", "shared")
CHANGE = "UPDATE sales_order SET units_sold = units_sold + 1, last_updated = now() WHERE sales_order_id = 1"

Walk = dict[str, dict[str, None]]
"""The functions that were called, by file; both in the order of their first call."""


@contextmanager
def walking() -> Iterator[Walk]:
    """Note each function of the rooms that is called meanwhile, in any thread."""
    walk: Walk = {}
    rooms = tuple(f"{ROOT / room}/" for room in ROOMS)

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(rooms) and _is_function(code):
            walk.setdefault(os.path.relpath(code.co_filename, ROOT), {})[code.co_qualname] = None

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield walk
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _is_function(code: CodeType) -> bool:
    """Return whether it has a name in the source: no module, and no part of a function such as a comprehension."""
    return not code.co_name.startswith("<")


def walks(stack: StackInProcess) -> dict[str, Walk]:
    """Return the walk of one changed sales order, by stage."""
    stack.source.owner().run(CHANGE)
    found: dict[str, Walk] = {}
    for stage, step in (
        ("extract", lambda: stack.invoke("extract", {})),
        ("transform", stack.transform),
        ("load", lambda: stack.invoke("load", {"Records": []})),
    ):
        with walking() as found[stage]:
            step()
    return found


def lines_by_room() -> dict[str, int]:
    """Return how many lines of Python and bash each room has; a room is a folder, of `shared` each of its folders."""
    counted: dict[str, int] = {}
    for room in ("handlers", "shared", "ops", "infra_bash", "local", "tests", "benchmarks"):
        for file in sorted((ROOT / room).rglob("*")):
            if file.suffix in (".py", ".sh"):
                parts = file.relative_to(ROOT).parts
                name = "/".join(parts[:2]) if room == "shared" and len(parts) > 2 else room
                counted[name] = counted.get(name, 0) + file.read_text().count("\n")
    return counted


def main() -> None:
    with own_stack() as stack:
        by_stage = walks(stack)
    for stage, walk in by_stage.items():
        print(f"{stage}: {len(walk)} files, {sum(map(len, walk.values()))} functions")
        for file, called in walk.items():
            print(f"  {file} ({len(called)})" + (f": {', '.join(called)}" if "--functions" in sys.argv else ""))
    functions = {(file, name) for walk in by_stage.values() for file, called in walk.items() for name in called}
    print(f"all: {len({file for file, _ in functions})} files, {len(functions)} functions")
    for room, lines in lines_by_room().items():
        print(f"{lines:>7}  {room}")


if __name__ == "__main__":
    main()
