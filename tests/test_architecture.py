"""What holds of the tree as a whole: which modules stay pure, and who may import whom."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from sqlalchemy import Table

from ops.stack.resources.kinds import KINDS
from shared.ledger import tables

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
STAGES = ["source", "transform", "ledger", "load", "alerts", "watch", "status", "lineage", "retention"]


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
    later = STAGES[STAGES.index(path.relative_to(SHARED).parts[0]) + 1 :]
    assert not [module for module in imported(path) if module.startswith(tuple(f"shared.{stage}." for stage in later))]


@pytest.mark.parametrize("path", [it for room in ROOMS for it in python_files(ROOT / room)], ids=name_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    others = {*ROOMS, "benchmarks", "tests", "conftest"} - {room} - ROOMS[room]
    assert not [module for module in imported(path) if module.split(".")[0] in others]


# What the handlers share.
SHARED_BY_HANDLERS = {"handlers.invocation", "handlers.databases"}


def test_no_handler_imports_another() -> None:
    found = {module for path in python_files(ROOT / "handlers") for module in imported(path) if "handlers" in module}
    assert found == SHARED_BY_HANDLERS


def test_no_handler_knows_the_emulator() -> None:
    known = re.compile("emulator|ministack|endpoint|--local|TOTESTREAM_LOCAL", re.IGNORECASE)
    assert [name_of(path) for path in python_files(ROOT / "handlers") if known.search(path.read_text())] == []


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


PANDAS = ("pandas", "numpy", "fastparquet")


@pytest.mark.parametrize(
    ("module", "libraries"),
    [
        *((module, PANDAS) for module in ("shared.warehouse.registry", "handlers.watch", "handlers.migrate")),
        *((module, (*PANDAS, "sqlalchemy")) for module in ("handlers.alert", "shared.catalogue", "ops.dead_letters")),
        ("ops.stack.requests", (*PANDAS, "sqlalchemy", "boto3")),
    ],
)
def test_what_is_not_needed_is_not_imported(module: str, libraries: tuple[str, ...]) -> None:
    """Each second and each 60 MB of pandas is paid for at every cold start, and SQLAlchemy by every script."""
    found = f"import sys, {module}; sys.exit(any(name in sys.modules for name in {libraries}))"
    assert subprocess.run([sys.executable, "-c", found], cwd=ROOT, check=False).returncode == 0


def texts(path: Path) -> Iterator[str]:
    """Yield every text of the module that is no docstring; an f-string with its expressions in braces."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield ast.unparse(node)


NAMES_OF_TABLES = "|".join(table.name for table in tables.TABLES)
TABLES_IN_BRACES = "|".join(name for name, value in vars(tables).items() if isinstance(value, Table))
LEDGER_STATEMENT = re.compile(
    rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)\s+(({NAMES_OF_TABLES})\b|\{{(\w+\.)?({TABLES_IN_BRACES})(\.name)?\}})"
)


@pytest.mark.parametrize("path", python_files(SHARED), ids=name_of)
def test_every_statement_on_the_ledger_is_in_its_room(path: Path) -> None:
    """A statement on a table of the ledger names it after one of SQL's words; messages to people may name it, too."""
    if path.parent != SHARED / "ledger":
        assert not [text for text in texts(path) if LEDGER_STATEMENT.search(text)]


@pytest.mark.parametrize("statement", ["FROM etl_ledger", "FROM {LEDGER}", "JOIN {tables.WAITING.name} w"])
def test_such_a_statement_is_found(statement: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'STATEMENT = f"SELECT {{count}} {statement}"')
    assert any(LEDGER_STATEMENT.search(text) for text in texts(module))


def test_no_class_name_is_used_twice() -> None:
    """A reader who searches for a name finds one thing."""
    paths: dict[str, list[str]] = {}
    for path in (it for room in (*ROOMS, "benchmarks") for it in python_files(ROOT / room)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                paths.setdefault(node.name, []).append(name_of(path))
    assert {name: found for name, found in paths.items() if len(found) > 1} == {}


def test_each_kind_of_resource_has_its_bash_function() -> None:
    """deploy.sh calls ensure_NAME. The step `upload` publishes the layer."""
    text = "".join(path.read_text() for path in (ROOT / "infra_bash/aws").glob("*.sh"))
    assert {name for name in KINDS if f"\nensure_{name}() {{" not in text} == {"layers"}


def test_infra_bash_is_bash_alone() -> None:
    files = [path for path in (ROOT / "infra_bash").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.suffix for path in files} == {".sh"}
    assert not [path for path in files if re.search(r"<<-?\s*['\"]?[A-Z]|python3? -c|PYTHON\" -c", path.read_text())]


@pytest.mark.parametrize("path", python_files(ROOT / "ops/stack/resources"), ids=name_of)
def test_resources_reach_neither_aws_nor_the_environment(path: Path) -> None:
    assert not {module.split(".")[0] for module in imported(path)} & OUTSIDE
