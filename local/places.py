"""Where a stack keeps its things, and whether the user PostgreSQL runs as can get there."""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from local.errors import LocalError

REPOSITORY = Path(__file__).resolve().parent.parent

# Written into every stack's folder: `reset` deletes only what bears it, so that a mistyped
# TOTESTREAM_LOCAL never costs a person a folder of their own.
_MARK = "this-is-a-totestream-stack"


def stack_folder() -> Path:
    """The folder of the stack meant: TOTESTREAM_LOCAL, or `.local` in the checkout."""
    return Path(os.environ.get("TOTESTREAM_LOCAL") or REPOSITORY / ".local").resolve()


def database_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: it refuses root, so root lends it `nobody`; None means "as I am"."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def can_enter(folder: Path, user: pwd.struct_passwd | None) -> bool:
    """Whether that user can pass through a folder; asked of the kernel, as modes are not the whole truth."""
    if user is None:
        return os.access(folder, os.X_OK)
    probe = subprocess.run(
        ["test", "-x", str(folder)],
        cwd="/",
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        check=False,
    )
    return probe.returncode == 0


def _elsewhere(folder: Path) -> Path:
    """Where the data go when the checkout lies where `nobody` cannot enter, such as under /root.

    The name is made from the folder's path, so that each checkout keeps finding its own.
    """
    return Path("/var/tmp") / f"totestream-{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"


def postgres_home(folder: Path) -> Path:
    """Where a stack's PostgreSQL lives: in the stack's folder wherever that is possible."""
    return folder / "postgres" if can_enter(folder, database_user()) else _elsewhere(folder)


def make_stack_folder(folder: Path) -> None:
    """Make the folder and mark it as ours; a folder with other things in it is refused."""
    if folder.is_dir() and any(folder.iterdir()) and not _ours(folder):
        raise LocalError(f"{folder} holds other things; set TOTESTREAM_LOCAL to a new folder")
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # whatever the umask: `nobody` passes through it; secrets are closed one by one
    (folder / _MARK).touch()


def _ours(folder: Path) -> bool:
    return folder == REPOSITORY / ".local" or (folder / _MARK).exists()


def delete_stack_folder(folder: Path) -> None:
    """Delete a stack's folder and the data it may have elsewhere; absent is fine."""
    if folder.is_dir() and not _ours(folder):
        raise LocalError(f"{folder} is not a stack's folder and is left alone; check TOTESTREAM_LOCAL")
    for place in (folder, _elsewhere(folder)):
        if place.is_dir():
            shutil.rmtree(place)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, also while it is being written; replaced as a whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600, exist_ok=False)
    fresh.write_text(text)
    fresh.replace(path)
