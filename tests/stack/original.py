"""The stack that one process of a test run deploys, and that each process copies: nothing here takes as long as a first
deploy."""

import fcntl
import pickle
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local import folders, ports
from tests.stack import deployer
from tests.stack.stack import LocalStack

HOMES = (folders.postgres_home, folders.ministack_home, folders.slack_home)
# Made again by each start.
REMADE = ("python", "ministack/tmp")


class Original:
    """A stopped stack, kept in `place`, a folder that all processes of a test run share."""

    def __init__(self, place: Path) -> None:
        place.mkdir(exist_ok=True)
        self._place = place
        self._begun, self._facts = place / "begun", place / "facts.pickle"

    @property
    def calls(self) -> Path:
        """The transcript of its deploy."""
        return self._place / "calls.db"

    def ensure(self, stack: LocalStack, deploy: Callable[[LocalStack], None]) -> None:
        """Deploy `stack` and keep what is there then, unless a process of this run has done so."""
        with self._lock():
            if self._facts.exists():
                return
            assert not self._begun.exists(), "another process of this run could not deploy the stack: see its failure"
            self._begun.touch()
            deploy(stack)
            stack.python("local.stack", "stop")
            for name in REMADE:
                shutil.rmtree(folders.servers_folder(stack.folder) / name, ignore_errors=True)
            for name, folder in trees(stack).items():
                _copy(folder, self._place / name)
            self._facts.write_bytes(pickle.dumps((stack.first, stack.seen)))

    def copy_to(self, stack: LocalStack) -> None:
        """Start a copy of it, on ports of its own, in the folder of `stack`."""
        for name, folder in trees(stack).items():
            _copy(self._place / name, folder)
        # It says where the original's servers are; by its inode, which may be used again, a copy could pass for it.
        (stack.folder / "servers").unlink(missing_ok=True)
        for home in HOMES:
            _change_port(stack, home(stack.folder) / "port")
        stack.python("local.stack", "start")
        stack.read_settings()
        deployer.log_in(stack)
        stack.first, stack.seen = pickle.loads(self._facts.read_bytes())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def trees(stack: LocalStack) -> dict[str, Path]:
    """Return the folders that a stack consists of: its own and, where root started it, that of its servers."""
    folder, servers = stack.folder, folders.servers_folder(stack.folder)
    return {"stack": folder} if folder == servers else {"stack": folder, "servers": servers}


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with its owners and times."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", str(source), str(target)], check=True)


def _change_port(stack: LocalStack, file: Path) -> None:
    """Choose another port, and write it wherever the old one stands in an address or a login."""
    old = file.read_text().strip()
    file.unlink()
    new = ports.kept(file)
    address = re.compile(rb"(127\.0\.0\.1:|localhost:|port\W{1,6})" + old.encode() + rb"\b")
    state = folders.ministack_home(stack.folder).rglob("state/*.json")
    for text in (*state, *stack.folder.rglob("*.env")):
        text.write_bytes(address.sub(rb"\g<1>" + str(new).encode(), text.read_bytes()))
