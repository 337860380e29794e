"""One local stack for all tests of this folder, deployed by deploy.sh into a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.stack import LocalStack


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    folder = Path(tempfile.mkdtemp(prefix="totestream-stack-", dir="/var/tmp"))
    folder.chmod(0o755)
    made = LocalStack(folder / "local")
    try:
        made.first = made.deploy("--orders", "150", "--seed", "3")
        yield made
    finally:
        made.python("local.stack", "reset")
        shutil.rmtree(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They share one stack, and so one of pytest-xdist's processes."""
    for item in items:
        if "tests/stack/" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("stack"))
