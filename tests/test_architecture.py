"""What holds of the tree as a whole: which modules stay pure, and who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
# What each part of the product may import besides its own modules: Lambda gets handlers/ and shared/ alone, the
# operator's Python is never shipped, and the stand-ins for the world know nothing of the product.
ROOMS = {
    "shared": set(),
    "handlers": {"shared"},
    "ops": {"shared"},
    "local": set(),
}
SHARED = ROOT / "shared"

# Where the world is touched. Everything else in shared/ is text and arithmetic.
DOORS = {
    "shared/aws",
    "shared/postgres/connection.py",
    "shared/postgres/dial.py",
    "shared/postgres/errors.py",
    "shared/postgres/native.py",
    "shared/alerts/slack.py",
}
OUTSIDE = {"boto3", "botocore", "pg8000", "urllib3", "os", "socket", "subprocess", "time", "random", "uuid"}
# Each stage may use those before it in this list, its own modules, and what is not a stage.
STAGES = ["source", "transform", "load", "alerts", "watch", "status", "lineage", "retention"]


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", python_files(SHARED), ids=name_of)
def test_only_the_doors_touch_the_world(path: Path) -> None:
    if name_of(path).startswith(tuple(DOORS)):
        return
    assert not {module.split(".")[0] for module in imported(path)} & OUTSIDE


@pytest.mark.parametrize("path", python_files(SHARED / "warehouse"), ids=name_of)
def test_a_warehouse_table_is_declared_without_any_door(path: Path) -> None:
    assert not [module for module in imported(path) if module.startswith(("shared.aws", "shared.load"))]


@pytest.mark.parametrize("path", [it for stage in STAGES for it in python_files(SHARED / stage)], ids=name_of)
def test_a_stage_uses_only_those_before_it(path: Path) -> None:
    later = STAGES[STAGES.index(path.parent.name) + 1 :]
    assert not [module for module in imported(path) if module.startswith(tuple(f"shared.{stage}." for stage in later))]


@pytest.mark.parametrize("path", [it for room in ROOMS for it in python_files(ROOT / room)], ids=name_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    others = {*ROOMS, "benchmarks", "tests", "conftest"} - {room} - ROOMS[room]
    assert not [module for module in imported(path) if module.split(".")[0] in others]


def test_no_handler_imports_another() -> None:
    assert not [module for path in python_files(ROOT / "handlers") for module in imported(path) if "handlers" in module]


def packages_imported() -> dict[str, set[str]]:
    """Return, for each package or module directly in shared/, the others there that it imports."""
    found: dict[str, set[str]] = {}
    for path in python_files(SHARED):
        own = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        others = {package_of(module) for module in imported(path) if module.startswith("shared.")}
        found.setdefault(own, set()).update(others - {own})
    return found


def package_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_no_packages_import_each_other_in_a_circle() -> None:
    """TopologicalSorter raises CycleError, which names the circle."""
    assert list(TopologicalSorter(packages_imported()).static_order())


@pytest.mark.parametrize(
    "module", ["shared.warehouse.registry", "handlers.watch", "handlers.alert", "ops.stack.requests"]
)
def test_it_is_imported_without_pandas(module: str) -> None:
    """Each second and each 60 MB of pandas is paid for at every cold start; who serves the warehouse has none."""
    found = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('pandas', 'numpy', 'fastparquet')))"
    assert subprocess.run([sys.executable, "-c", found], cwd=ROOT, check=False).returncode == 0


def test_no_class_name_is_used_twice() -> None:
    """A reader who searches for a name finds one thing."""
    paths: dict[str, list[str]] = {}
    for path in (it for room in (*ROOMS, "benchmarks") for it in python_files(ROOT / room)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                paths.setdefault(node.name, []).append(name_of(path))
    assert {name: found for name, found in paths.items() if len(found) > 1} == {}
