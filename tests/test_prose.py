"""Our own sentences are never compared or parsed: codes cross every border, and shared/wording speaks to people."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import errors

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
PYTHON = [path for room in ("shared", "handlers", "ops") for path in sorted((ROOT / room).rglob("*.py"))]
BASH = sorted((ROOT / "infra_bash").rglob("*.sh"))

# Texts of others that have no code, each read in one place.
OTHERS_WORDS = {
    "ops/error_hints.py": "the AWS CLI's and Lambda's",
    "ops/cli/transient.py": "the AWS CLI's and Lambda's",
    "shared/load/schema/ddl.py": "SQLAlchemy's DDL",
    "shared/load/schema/differences.py": "PostgreSQL's names of types",
    "ops/stack/resources/interfaces.py": "the descriptions that Lambda gives network interfaces",
}
# Classes of others, which have no code: what a bug or a library raised.
OTHERS_CLASSES = {
    "shared/errors.py",
    "shared/aws/clients.py",
    "shared/postgres/errors.py",
    "shared/source/readers/base.py",
    "shared/lake/parquet.py",
    "shared/warehouse/registry.py",
    "shared/alerts/slack.py",
    "shared/alerts/deliver.py",
}
PARSES = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split", "find", "index"}
COMPARISONS = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
CLI_WORDS = ("Unknown options", "nknown options")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_prose(node: ast.AST) -> bool:
    """Whether it is a text of two words or more, or a collection with one."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(is_prose, node.elts))
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(re.search(r"\w \w", node.value))


def compared(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        texts: list[ast.AST] = []
        if isinstance(node, ast.Compare) and any(isinstance(each, COMPARISONS) for each in node.ops):
            texts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            texts = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
            texts = list(node.args) if node.func.attr in PARSES or of_re else []
        yield from ((text.lineno, ast.unparse(text)) for text in texts if is_prose(text))  # type: ignore[attr-defined]


def class_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The uses of __name__ of one of our errors, or of whatever was raised."""
    ours = {name for name, each in vars(errors).items() if isinstance(each, type)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__name__":
            text = ast.unparse(node.value)
            if text in ours or text.startswith("type("):
                yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", [path for path in PYTHON if name_of(path) not in OTHERS_WORDS], ids=name_of)
def test_no_sentence_is_compared(path: Path) -> None:
    assert list(compared(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", [path for path in PYTHON if name_of(path) not in OTHERS_CLASSES], ids=name_of)
def test_an_error_is_known_by_its_code(path: Path) -> None:
    assert list(class_names(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize("path", BASH, ids=name_of)
def test_no_script_searches_a_sentence(path: Path) -> None:
    """In a file with grep, or in a variable with a pattern."""
    tests = re.findall(r"(?:grep -\w*q\w*|\[\[ \S+ (?:==|!=|=~)) (?:\*)?([\"'])(.*?)\1", path.read_text())
    prose = [text for _, text in tests if re.search(r"\w \w", text)]
    assert [text for text in prose if text not in CLI_WORDS] == []


def test_what_these_tests_look_for_is_found() -> None:
    examples = ["a == 'no run'", "a in ('x', 'no run')", "a.partition('is late: ')", "re.match('run is', a)"]
    examples += ["match a:\n    case 'no run':\n        pass"]
    assert all(list(compared(ast.parse(example))) for example in examples)
    assert list(class_names(ast.parse("errors == TwoLogs.__name__ or type(error).__name__")))
    assert not list(compared(ast.parse("a == 'no_run' or a.partition(': ') or f(a, 'no run')")))
