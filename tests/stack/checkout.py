"""A checkout of its own for a test that changes the code: this one's files, its interpreter and its built layers."""

import shutil
import subprocess
from pathlib import Path

from tests.stack.stack import ROOT

SHARED = (".venv", "build")


def copied(folder: Path) -> Path:
    """All files of this checkout that git knows or would take, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    return folder
