"""The interpreter for the servers' user: ours, or a copy if that user cannot reach ours.

Root's virtual environment, or the Python that it was made from, may be under /root.
"""

import importlib.metadata
import os
import re
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import folders

# The libraries that the emulator and its functions import; a function's other libraries are in its layer.
_NEEDED = ("ministack", "boto3")
# Three quarters of the standard library's size; no server imports them.
_LEFT_OUT = shutil.ignore_patterns("site-packages", "test", "idlelib", "tkinter", "ensurepip", "config-*")
_FOR_ALL = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH


@dataclass(frozen=True)
class Runtime:
    """How to run one of our modules; `environment` is what it needs for that."""

    python: Path = Path(sys.executable)
    environment: Mapping[str, str] = field(default_factory=lambda: {"PYTHONPATH": str(folders.REPOSITORY)})


def runtime_in(place: Path, *, replace: bool) -> Runtime:
    """Return the interpreter for the servers' user; a copy, if needed, is in `place`; `replace` makes it again.

    The copy consists of links to the same files where possible, which takes half a second and no space.
    """
    if _reachable():
        return Runtime()
    if replace or not place.exists():
        _make(place)
    found = {"PYTHONPATH": str(place / "ours"), "LD_LIBRARY_PATH": str(place / "lib")}
    return Runtime(place / "bin" / _interpreter().name, found)


def _reachable() -> bool:
    """Return whether that user can run our Python with all that it needs."""
    user = folders.server_user()
    if user is None:
        return True
    paths = [Path(os.__file__), _package("ministack") / "app.py", folders.REPOSITORY / "local/emulator.py"]
    return folders.has_right(user, "-x", Path(sys.executable)) and all(
        folders.has_right(user, "-r", path) for path in paths
    )


def _interpreter() -> Path:
    return Path(sys.executable).resolve()


def _package(name: str) -> Path:
    return Path(str(importlib.metadata.distribution(name).locate_file(name)))


def _make(place: Path) -> None:
    unfinished = place.with_name(place.name + ".new")
    for old in (unfinished, place):
        if old.exists():
            shutil.rmtree(old)
    library = unfinished / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(sysconfig.get_path("stdlib"), library, copy_function=_linked, ignore=_LEFT_OUT)
    packages = library / "site-packages"
    for distribution in _closure(_NEEDED):
        _copy_distribution(distribution, packages)
    (library / "dist-packages").symlink_to("site-packages")  # Debian's Python looks there
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        _linked(shared.resolve(), unfinished / "lib" / shared.name)
    (unfinished / "bin").mkdir()
    _linked(_interpreter(), unfinished / "bin" / _interpreter().name)
    not_ours = shutil.ignore_patterns("__pycache__")
    shutil.copytree(folders.REPOSITORY / "local", unfinished / "ours/local", copy_function=_linked, ignore=not_ours)
    _open_to_all(unfinished)
    unfinished.rename(place)


def _linked(source: str | Path, target: str | Path) -> str | Path:
    mode = Path(source).stat().st_mode
    try:
        if not mode & stat.S_IROTH:
            raise PermissionError
        os.link(source, target)
    except OSError:  # not readable for all, another file system, or one without links
        shutil.copy2(source, target)
        Path(target).chmod(mode | _FOR_ALL)
    return target


def _closure(names: tuple[str, ...]) -> Iterator[importlib.metadata.Distribution]:
    """Yield the distributions of these names and the installed ones that they require."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # for another platform
            continue
        yield found
        required = [line for line in found.requires or () if "extra ==" not in line]
        waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required]


def _copy_distribution(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    for file in distribution.files or ():
        source = Path(str(distribution.locate_file(file)))
        if ".." not in file.parts and source.is_file():  # without its programs in bin
            (packages / file).parent.mkdir(parents=True, exist_ok=True)
            _linked(source, packages / file)


def _open_to_all(place: Path) -> None:
    """Make all folders readable whatever the umask: they hold programs, and nothing of the stack's."""
    for folder, _, _ in os.walk(place):
        Path(folder).chmod(0o755)
