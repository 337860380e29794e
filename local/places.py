"""Where a stack keeps its things, who owns them, and whether the user that its servers run as can get there.

Started by root, the servers run as `nobody`. A folder that belongs to `nobody` has a parent that belongs to root, and
root neither writes nor looks up a name in it, so no link that is planted there leads root anywhere. The two exceptions
say so: deleting a tree and reading one file.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from local.errors import LocalError

REPOSITORY = Path(__file__).resolve().parent.parent

# Written into every stack's folder: `reset` deletes only what bears it, so that a mistyped
# TOTESTREAM_LOCAL never costs a person a folder of their own.
_MARK = "this-is-a-totestream-stack"

# Nobody but root can make a name in here, so these may be guessed; in /tmp and /var/tmp anybody could be first.
_OF_ROOT = Path("/var/lib/totestream")
# A whole server fits in there, and is ten times as fast as on a disk: a database is 359 files.
_MEMORY = Path("/dev/shm")
# Four servers of a test run, with a gigabyte of WAL each at most.
_ROOM = 4 << 30
_PASSABLE, _PRIVATE = 0o711, 0o700


def stack_folder() -> Path:
    """The folder of the stack meant: TOTESTREAM_LOCAL, or `.local` in the checkout. Another user's link is refused."""
    named = Path(os.environ.get("TOTESTREAM_LOCAL") or REPOSITORY / ".local")
    if named.is_symlink() and named.lstat().st_uid != os.geteuid():
        raise LocalError(f"{named} is another user's link; set TOTESTREAM_LOCAL to a folder of your own")
    return named.resolve()


def server_user() -> pwd.struct_passwd | None:
    """Whom the servers run as: root lends them `nobody`; None means "as I am"."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def can_enter(folder: Path, user: pwd.struct_passwd | None) -> bool:
    """Whether that user can pass through a folder; asked of the kernel, as modes are not the whole truth."""
    return may(user, "-x", folder)


def may(user: pwd.struct_passwd | None, right: str, path: Path) -> bool:
    """Whether that user has a right, as test(1) names it, to a path."""
    return run_as(user, ["test", right, str(path)]).returncode == 0


def run_as(user: pwd.struct_passwd | None, command: list[str], told: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as the servers' user; what it writes is that user's alone."""
    return subprocess.run(command, cwd="/", input=told, capture_output=True, umask=0o077, check=False, **identity(user))


def identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """The arguments of subprocess by which a process is that user's and has none of root's groups."""
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def servers_folder(folder: Path) -> Path:
    """Where a stack's servers live: in its folder; of a stack that root starts, where `nobody` can pass.

    The name is made from the folder's path, so that each stack keeps finding its own.
    """
    return folder if server_user() is None else _OF_ROOT / hashlib.sha256(bytes(folder)).hexdigest()[:16]


def postgres_home(folder: Path) -> Path:
    return servers_folder(folder) / "postgres"


def ministack_home(folder: Path) -> Path:
    return servers_folder(folder) / "ministack"


def slack_home(folder: Path) -> Path:
    return servers_folder(folder) / "slack"


def make_stack_folder(folder: Path) -> None:
    """Make the folder and mark it as ours; one with other things in it, or that is another user's, is refused."""
    if not folder.is_dir():
        folder.mkdir(parents=True, mode=_PRIVATE)
    _require_ours(folder)
    if any(folder.iterdir()) and not _marked(folder):
        raise LocalError(f"{folder} holds other things; set TOTESTREAM_LOCAL to a new folder")
    folder.chmod(_PRIVATE)
    write_private(folder / _MARK, "")


def _require_ours(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise LocalError(f"{folder} belongs to another user; set TOTESTREAM_LOCAL to a folder of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and any(folder.iterdir()):
        raise LocalError(f"others may write in {folder}; set TOTESTREAM_LOCAL to a new folder")


def _marked(folder: Path) -> bool:
    return folder == REPOSITORY / ".local" or (folder / _MARK).exists()


def make_home(home: Path, user: pwd.struct_passwd | None) -> None:
    """Make the folder of a server that runs as `user`: ours, and passed through by nobody but that user.

    To pass is not to list: what `nobody` may know in it has a name that is told, or is `nobody`'s.
    """
    mode = _PASSABLE if user else _PRIVATE
    for folder in (_OF_ROOT, home.parent, home) if home.is_relative_to(_OF_ROOT) else (home,):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if folder.lstat().st_uid != os.geteuid() or not stat.S_ISDIR(folder.lstat().st_mode):
            raise LocalError(f"{folder} belongs to another user; delete it, or set TOTESTREAM_LOCAL")
        folder.chmod(mode)
    if not can_enter(home, user):
        raise LocalError(f"{home} cannot be entered by `nobody`; choose a place under /var/tmp")


def make_given(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make a folder, in one of ours, that is the servers' user's alone."""
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
    give(folder, user)


def give(path: Path, user: pwd.struct_passwd | None) -> None:
    """Let the user that the servers run as own what lies in a folder of ours."""
    if user:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def delete_stack_folder(folder: Path) -> None:
    """Delete a stack's folder and what its servers have elsewhere; absent is fine."""
    if folder.is_dir() and not _marked(folder):
        raise LocalError(f"{folder} is not a stack's folder and is left alone; check TOTESTREAM_LOCAL")
    for place in {servers_folder(folder), folder}:
        if place.is_dir():
            shutil.rmtree(place)  # by open folders, never by names: it follows no link


@contextmanager
def temporary_home(*, in_memory: bool = True) -> Iterator[Path]:
    """A folder for a throw-away server, in memory where there is room, and gone afterwards."""
    user = server_user()
    usual = Path(tempfile.gettempdir())
    reachable = usual if can_enter(usual, user) else Path("/var/tmp")
    home = Path(tempfile.mkdtemp(prefix="totestream-", dir=_MEMORY if in_memory and _is_roomy(_MEMORY) else reachable))
    try:
        make_home(home, user)
        yield home
    finally:
        shutil.rmtree(home)


def _is_roomy(place: Path) -> bool:
    """Whether a server has room here, and its programs could run."""
    if not place.is_dir():
        return False
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= _ROOM and not found.f_flag & os.ST_NOEXEC


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, also while it is being written; replaced as a whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def open_log(path: Path) -> BinaryIO:
    """A file to append to, which only its owner can read."""
    opened = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(opened, 0o600)  # one of an earlier version may be open to all
    return os.fdopen(opened, "a+b")


def read_given(path: Path) -> str:
    """A short file in a folder that the servers' user owns; '' for what is no file there, such as a link or a pipe."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(opened, 4096).decode(errors="replace") if stat.S_ISREG(os.fstat(opened).st_mode) else ""
    finally:
        os.close(opened)
