"""What holds of the tree as a whole: which modules stay pure, and who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
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


@pytest.mark.parametrize("path", python_files(SHARED), ids=name_of)
def test_nothing_imports_upward(path: Path) -> None:
    assert not [module for module in imported(path) if module.split(".")[0] in ("handlers", "local", "tests")]


@pytest.mark.parametrize("path", [it for stage in STAGES for it in python_files(SHARED / stage)], ids=name_of)
def test_a_stage_uses_only_those_before_it(path: Path) -> None:
    later = STAGES[STAGES.index(path.parent.name) + 1 :]
    assert not [module for module in imported(path) if module.startswith(tuple(f"shared.{stage}." for stage in later))]


@pytest.mark.parametrize("path", python_files(ROOT / "handlers"), ids=name_of)
def test_handlers_import_only_the_library(path: Path) -> None:
    ours = [module for module in imported(path) if module.split(".")[0] in ("handlers", "local", "tests")]
    assert not ours


@pytest.mark.parametrize("path", python_files(ROOT / "local"), ids=name_of)
def test_what_stands_in_for_the_world_knows_nothing_of_the_product(path: Path) -> None:
    assert not [module for module in imported(path) if module.split(".")[0] in ("handlers", "shared")]
