"""A layer's files, once on the disk for all functions.

MiniStack writes the layer's archive of 100 MB for each process of each function, unpacks it, which takes 40 % of a
process's start, and leaves both. Here the first process unpacks the archive, every later one gets links to the same
files, and the archive is deleted.
"""

import os
import shutil
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path

# A smaller archive is a function's own code; each process has its own copy.
LARGE = 10 << 20

StrPath = str | os.PathLike[str]


def unpacked_once(folder: Path, large: int = LARGE) -> type[zipfile.ZipFile]:
    """Return a ZipFile that unpacks an archive of `large` bytes or more once, into `folder`, and then links to it."""
    lock = threading.Lock()

    class Archive(zipfile.ZipFile):
        def extractall(
            self,
            path: StrPath | None = None,
            members: Iterable[str | zipfile.ZipInfo] | None = None,
            pwd: bytes | None = None,
        ) -> None:
            if path is None or members is not None or sum(each.file_size for each in self.infolist()) < large:
                super().extractall(path, members, pwd)
                return
            # All links point to the same files, so they are read-only.
            shutil.copytree(self._first(), path, copy_function=os.link, dirs_exist_ok=True)
            if self.filename and Path(self.filename).parent == Path(path).parent:  # MiniStack's own copy
                Path(self.filename).unlink()

        def _first(self) -> Path:
            content = hash(tuple((each.filename, each.CRC, each.file_size) for each in self.infolist()))
            first = folder / f"{content & (1 << 64) - 1:016x}"
            with lock:
                if not first.exists():
                    unfinished = first.with_suffix(".new")
                    super().extractall(unfinished)
                    for file in unfinished.rglob("*"):
                        if file.is_file():
                            file.chmod(0o444)
                    unfinished.rename(first)
            return first

    return Archive
