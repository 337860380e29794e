"""A local stack for the tests of this folder, deployed by deploy.sh into a folder of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.stack import deployer, transcript
from tests.stack.called import Called
from tests.stack.original import Original
from tests.stack.proc import Watched
from tests.stack.stack import ROOT, LocalStack

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
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A new stack, made with the deployer's rights alone, by the first process of the test run that needs one."""
    base = tmp_path_factory.getbasetemp()
    made = Original((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "stack")
    with new_stack() as stack:
        made.ensure(stack, partial(deploy_first, calls=made.calls))
    return made


def deploy_first(stack: LocalStack, calls: Path) -> None:
    with Watched() as stack.seen:
        stack.first = deployer.deploy(stack, *SOURCE, **transcript.to(calls))


@pytest.fixture(scope="package")
def stack(original: Original) -> Iterator[LocalStack]:
    """A copy of the deployed stack, shared by the tests of a quarter. It ends with them: its schedules cost time."""
    with new_stack() as made:
        original.copy_to(made)
        yield made


@pytest.fixture
def first_calls(original: Original) -> Path:
    """The transcript of the stack's first deploy."""
    return original.calls


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
    """The tests of a quarter share its stack. They come early: what is short fills the time that is left."""
    for item in items:
        if is_of_the_stack(item):
            item.add_marker(pytest.mark.xdist_group(f"stack-{quarter(item)}"))
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """Return where a test comes. While one process deploys the stack, the others have a minute's work without it."""
    if is_of_the_stack(item):
        return 0 if quarter(item) == 1 else 2
    return 1 if item.path.parent == ROOT / "tests" else 3


def quarter(item: pytest.Item) -> int:
    return next((number for number, files in QUARTERS.items() if item.path.name in files), 1)


def is_of_the_stack(item: pytest.Item) -> bool:
    return "tests/stack/" in item.path.as_posix()
