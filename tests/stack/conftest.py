"""A local stack for the tests of this folder, deployed by deploy.sh into a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack import deployer, transcript
from tests.stack.called import Called
from tests.stack.proc import Watched
from tests.stack.stack import LocalStack

SOURCE = ("--orders", "150", "--seed", "3")


@pytest.fixture(scope="session", autouse=True)
def _loaded_aws(loaded_aws: Path) -> None:
    LocalStack.aws_cli = str(loaded_aws)


@contextmanager
def new_stack() -> Iterator[LocalStack]:
    """A folder for a stack, and its end."""
    folder = Path(tempfile.mkdtemp(prefix="totestream-stack-", dir="/var/tmp"))
    made = LocalStack(folder / "local")
    try:
        yield made
    finally:
        made.python("local.stack", "reset")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(first_calls: Path) -> Iterator[LocalStack]:
    """A new stack, made with the deployer's rights alone."""
    with new_stack() as made:
        with Watched() as made.seen:
            made.first = deployer.deploy(made, *SOURCE, **transcript.to(first_calls))
        yield made


@pytest.fixture(scope="session")
def first_calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The transcript of the stack's first deploy."""
    return tmp_path_factory.mktemp("calls") / "v1.db"


@pytest.fixture
def called(stack: LocalStack) -> Called:
    return Called(stack)


# Four quarters that take about as long, each with a stack of its own on one of pytest-xdist's four processes. The rest
# is the first.
QUARTERS = {
    2: {"test_bad_input.py", "test_deploy.py"},
    3: {"test_cli_v2.py", "test_new_table.py", "test_readme.py", "test_retry.py", "test_teardown.py", "test_update.py"},
    4: {"test_faults.py", "test_incidents.py"},
}


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a quarter share its stack. They come first: what is short fills the time that is left."""
    for item in items:
        if is_of_the_stack(item):
            quarter = next((number for number, files in QUARTERS.items() if item.path.name in files), 1)
            item.add_marker(pytest.mark.xdist_group(f"stack-{quarter}"))
    items.sort(key=lambda item: not is_of_the_stack(item))


def is_of_the_stack(item: pytest.Item) -> bool:
    return "tests/stack/" in item.path.as_posix()
