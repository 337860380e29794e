"""AWS CLI version 2: Debian's package `awscli`, unpacked into build/ and not installed.

pip has no version 2. Neither root nor anything of the system is needed or changed: apt-get keeps lists and packages
in a folder of ours, and dpkg only unpacks.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import processes
from tests.stack.stack import ROOT

PYTHON = Path("/usr/bin/python3")
START_S = 60.0


def unpacked() -> Path:
    """The folder with the package and what it needs beside what is installed; fetched once for this system."""
    system = Path("/etc/os-release")
    if not (shutil.which("apt-get") and shutil.which("dpkg") and PYTHON.exists() and system.exists()):
        missing(f"needs {PYTHON}, apt-get and dpkg")
    key = hashlib.sha256(system.read_bytes() + platform.machine().encode()).hexdigest()[:16]
    folder = ROOT / "build" / f"awscli-v2-{key}"
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            fetch(Path(scratch))
            (Path(scratch) / "tree").rename(folder)
    return folder


def fetch(scratch: Path) -> None:
    """Unpack into scratch/tree."""
    for name in ("lists/partial", "cache/archives/partial", "tree"):
        (scratch / name).mkdir(parents=True)
    options = {
        "Dir::State::lists": scratch / "lists",
        "Dir::Cache": scratch / "cache",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = ["apt-get", "--quiet", *(f"--option={name}={value}" for name, value in options.items())]
    done([*apt, "update"])
    done([*apt, "install", "--yes", "--no-install-recommends", "--download-only", "awscli"])
    for package in sorted((scratch / "cache/archives").glob("*.deb")):
        done(["dpkg", "--extract", str(package), str(scratch / "tree")])
    version = done([str(program(scratch / "tree")), "--version"], environment(scratch / "tree"))
    if not version.startswith("aws-cli/2."):
        missing(f"the package awscli of this system is {version.split()[0]}")


def done(command: list[str], extra: dict[str, str] | None = None) -> str:
    run = subprocess.run(
        command, env={**os.environ, "LC_ALL": "C", **(extra or {})}, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        missing(f"{Path(command[0]).name}: {' '.join(run.stderr.split())[-300:]}")
    return run.stdout


def missing(why: str) -> None:
    pytest.fail(f"AWS CLI version 2 is missing: {why}; Debian 12 or later has it as awscli", pytrace=False)


def program(tree: Path) -> Path:
    """Where the package is installed nothing was fetched."""
    ours = tree / "usr/bin/aws"
    return ours if ours.exists() else Path("/usr/bin/aws")


def environment(tree: Path) -> dict[str, str]:
    libraries = ":".join(map(str, (tree / "usr/lib").glob("*-linux-gnu")))
    return {"PYTHONPATH": f"{tree}/usr/lib/python3/dist-packages:{ROOT}", "LD_LIBRARY_PATH": libraries}


def plain(folder: Path) -> Path:
    """An `aws` in `folder` that is version 2, started anew for each call."""
    tree = unpacked()
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment(tree).items())
    return script(folder / "aws", f'{settings} exec {PYTHON} {shlex.quote(str(program(tree)))} "$@"')


@contextmanager
def loaded(folder: Path, **extra: str) -> Iterator[Path]:
    """An `aws` in `folder` that is version 2, kept loaded as deploy.sh keeps version 1: a tenth of the time."""
    server_socket, log = folder / "socket", folder / "log"
    command = [str(PYTHON), "-m", "ops.cli.server", str(server_socket)]
    with log.open("w") as file:
        server = subprocess.Popen(
            command, env={**os.environ, **environment(unpacked()), **extra}, cwd=ROOT, stdout=file, stderr=file
        )
    try:
        processes.wait_until(lambda: server.poll() is not None or server_socket.exists(), START_S)
        assert server_socket.exists(), log.read_text()
        client = ROOT / "ops/cli/client.py"
        yield script(folder / "aws", f'exec {sys.executable} -I -S {client} {server_socket} "$@"')
    finally:
        # It takes no other signal: see ops/cli/server.py.
        server.kill()
        server.wait()


def script(path: Path, line: str) -> Path:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path
