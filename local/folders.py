"""The folders of a stack, their owners, and whether the user that runs its servers can enter them.

Started by root, the servers run as `nobody`. A folder that belongs to `nobody` has a parent that belongs to root, and
root neither writes nor resolves a name in it, so a link that is planted there cannot mislead root. The two exceptions
say so: deleting a tree and reading one file.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from local.errors import LocalError

REPOSITORY = Path(__file__).resolve().parent.parent

# Marks every stack's folder: `reset` deletes only a marked folder, so a mistyped TOTESTREAM_LOCAL never
# deletes a person's own folder.
_MARK = "this-is-a-totestream-stack"
# In the stack's folder: where its servers live, and the inode of the folder in which that was decided.
_PLACE, _HERE = "servers", "."

# Only root can create names in here, so they may be predictable; in /tmp anybody could create them first.
_ROOT_OWNED = Path("/var/lib/totestream")
# A whole server fits in memory, where it is ten times as fast as on a disk: a database has 359 files.
_MEMORY = Path("/dev/shm")
# For four servers of a test run, with at most a gigabyte of WAL each.
_SPACE_NEEDED = 4 << 30
_PASSABLE, _PRIVATE = 0o711, 0o700


def stack_folder() -> Path:
    """Return the stack's folder: TOTESTREAM_LOCAL, or `.local`. Raises LocalError for another user's folder or link."""
    named = Path(os.environ.get("TOTESTREAM_LOCAL") or REPOSITORY / ".local")
    for path in (named, named.resolve()):
        if os.path.lexists(path) and path.lstat().st_uid != os.geteuid():
            raise LocalError(f"{path} belongs to another user; run this as that user, or set TOTESTREAM_LOCAL")
    return named.resolve()


def server_user() -> pwd.struct_passwd | None:
    """Return the user that runs the servers: `nobody` if root starts them; None means the current user."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def can_enter(folder: Path, user: pwd.struct_passwd | None) -> bool:
    """Return whether that user can traverse a folder, as the kernel decides: modes alone do not determine it."""
    return has_right(user, "-x", folder)


def has_right(user: pwd.struct_passwd | None, right: str, path: Path) -> bool:
    """Return whether that user has a right, as test(1) names it, to a path."""
    return run_as(user, ["test", right, str(path)]).returncode == 0


def run_as(
    user: pwd.struct_passwd | None, command: list[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as the servers' user; only that user can read what it writes."""
    return subprocess.run(
        command, cwd="/", input=stdin, capture_output=True, umask=0o077, check=False, **identity(user)
    )


def identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return subprocess's arguments that give a process this user and none of root's groups."""
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def servers_folder(folder: Path) -> Path:
    """Return where a stack's servers live: in its folder or, for a stack that root starts, where `nobody` can enter.

    The first start decides, and it holds when the folder is moved. A copy of the folder is a stack of its own.
    """
    try:
        inode, place = (folder / _PLACE).read_text().split()
    except FileNotFoundError:
        return _new_servers_folder(folder)
    if int(inode) != folder.stat().st_ino:
        return _new_servers_folder(folder)
    return folder if place == _HERE else _ROOT_OWNED / place


def _new_servers_folder(folder: Path) -> Path:
    """Return the place of a stack that has none yet. It is the same until the first start has noted it."""
    if server_user() is None:
        return folder
    former = _ROOT_OWNED / _name(folder)  # a stack of an earlier version, which noted nothing
    if not folder.is_dir() or former.is_dir():
        return former
    # Not the path alone: a folder that was moved leaves its path to another stack.
    return _ROOT_OWNED / _name(folder, folder.stat().st_ino)


def _name(*facts: object) -> str:
    return hashlib.sha256(os.fsencode(" ".join(map(str, facts)))).hexdigest()[:16]


def postgres_home(folder: Path) -> Path:
    return servers_folder(folder) / "postgres"


def ministack_home(folder: Path) -> Path:
    return servers_folder(folder) / "ministack"


def slack_home(folder: Path) -> Path:
    return servers_folder(folder) / "slack"


def make_stack_folder(folder: Path) -> None:
    """Create the folder and mark it as ours. Raises LocalError if it holds other things or belongs to another user."""
    if not folder.is_dir():
        folder.mkdir(parents=True, mode=_PRIVATE)
    _require_ours(folder)
    if any(folder.iterdir()) and not _marked(folder):
        raise LocalError(f"{folder} holds other things; set TOTESTREAM_LOCAL to a new folder")
    folder.chmod(_PRIVATE)
    write_private(folder / _MARK, "")
    place = servers_folder(folder)
    write_private(folder / _PLACE, f"{folder.stat().st_ino} {_HERE if place == folder else place.name}\n")


def _require_ours(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise LocalError(f"{folder} belongs to another user; set TOTESTREAM_LOCAL to a folder of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and any(folder.iterdir()):
        raise LocalError(f"others may write in {folder}; set TOTESTREAM_LOCAL to a new folder")


def _marked(folder: Path) -> bool:
    return folder == REPOSITORY / ".local" or (folder / _MARK).exists()


def make_home(home: Path, user: pwd.struct_passwd | None) -> None:
    """Create the folder of a server that runs as `user`: ours, and traversable by that user alone.

    Traversing is not listing: `nobody` can use names that it knows, and files that it owns.
    """
    mode = _PASSABLE if user else _PRIVATE
    for folder in (_ROOT_OWNED, home.parent, home) if home.is_relative_to(_ROOT_OWNED) else (home,):
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        if folder.lstat().st_uid != os.geteuid() or not stat.S_ISDIR(folder.lstat().st_mode):
            raise LocalError(f"{folder} belongs to another user; delete it, or set TOTESTREAM_LOCAL")
        folder.chmod(mode)
    if not can_enter(home, user):
        raise LocalError(f"{home} cannot be entered by `nobody`; choose a place under /var/tmp")


def make_server_folder(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Create a folder, in one of ours, that only the servers' user can use."""
    folder.mkdir(mode=_PRIVATE, exist_ok=True)
    give_to_server_user(folder, user)


def give_to_server_user(path: Path, user: pwd.struct_passwd | None) -> None:
    """Make the servers' user the owner of a path in one of our folders."""
    if user:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def delete_stack_folder(folder: Path) -> None:
    """Delete a stack's folder and its servers' folders; does nothing if they do not exist."""
    if folder.is_dir() and not _marked(folder):
        raise LocalError(f"{folder} is not a stack's folder and is left alone; check TOTESTREAM_LOCAL")
    for place in (servers_folder(folder), folder):
        if place.is_dir():
            shutil.rmtree(place)  # works on open folders, not on names: it follows no link


@contextmanager
def temporary_home(*, in_memory: bool = True) -> Iterator[Path]:
    """Create a folder for a temporary server, in memory if there is space, and delete it afterwards."""
    user = server_user()
    usual = Path(tempfile.gettempdir())
    reachable = usual if can_enter(usual, user) else Path("/var/tmp")
    home = Path(tempfile.mkdtemp(prefix="totestream-", dir=_MEMORY if in_memory and _has_space(_MEMORY) else reachable))
    try:
        make_home(home, user)
        yield home
    finally:
        shutil.rmtree(home)


def _has_space(place: Path) -> bool:
    """Return whether a server has space here, and its programs could run."""
    if not place.is_dir():
        return False
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize >= _SPACE_NEEDED and not found.f_flag & os.ST_NOEXEC


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, also during the write; it is replaced as a whole."""
    opened, fresh = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(opened, "w") as file:
            file.write(text)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return the content of a file of ours, which the first caller makes. An empty file counts as missing."""
    content = path.read_text() if path.exists() else ""
    if content.strip():
        return content
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two callers at once get the same content
        content = path.read_text() if path.exists() else ""
        if not content.strip():
            content = make()
            write_private(path, content)
        return content
    finally:
        os.close(folder)


def open_log(path: Path) -> BinaryIO:
    """Open a file to append to, which only its owner can read."""
    opened = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(opened, 0o600)  # a file of an earlier version may be readable for all
    return os.fdopen(opened, "a+b")


def read_server_file(path: Path) -> str:
    """Return a short file of a folder that the servers' user owns; '' if it is not a regular file, such as a link or a
    pipe.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(opened, 4096).decode(errors="replace") if stat.S_ISREG(os.fstat(opened).st_mode) else ""
    finally:
        os.close(opened)
