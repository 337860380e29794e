"""One local stack for all tests of this folder, deployed by deploy.sh into a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack import transcript
from tests.stack.stack import LocalStack

SOURCE = ("--orders", "150", "--seed", "3")


@contextmanager
def new_stack() -> Iterator[LocalStack]:
    """A folder for a stack, and its end."""
    folder = Path(tempfile.mkdtemp(prefix="totestream-stack-", dir="/var/tmp"))
    folder.chmod(0o755)
    made = LocalStack(folder / "local")
    try:
        yield made
    finally:
        made.python("local.stack", "reset")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(first_calls: Path) -> Iterator[LocalStack]:
    with new_stack() as made:
        made.first = made.deploy(*SOURCE, **transcript.to(first_calls))
        yield made


@pytest.fixture(scope="session")
def first_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transcript of the stack's first deploy."""
    return tmp_path_factory.mktemp("calls") / "v1.db"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They share one stack, and so one of pytest-xdist's processes."""
    for item in items:
        if "tests/stack/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("stack"))
