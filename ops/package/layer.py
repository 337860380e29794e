"""What is in the layer: the libraries of requirements.txt that Lambda lacks, without what no function needs.

A layer is known by its recipe, and this file is part of the recipe. The same recipe gives the same bytes, on every
machine whose Python of that version compiles alike.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Lambda's Python brings boto3 and what it needs; MiniStack's functions find it in MiniStack's interpreter.
IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3"}
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# What glibc 2.34 loads, which Lambda has since python3.12, the newest first. pip takes each tag at its word: told
# manylinux_2_28 alone, it finds no wheel tagged manylinux_2_17 alone.
PLATFORMS = (*(f"manylinux_2_{minor}" for minor in range(34, 16, -1)), "manylinux2014")
DEAD_FOLDERS = {"tests", "include", "__pycache__", "bin"}
# What no import of ours reaches, by far the most of what can go; tests/infra/test_layer.py holds it to that.
UNUSED = (
    "numpy/distutils",  # only numpy for Python 3.11 still has it
    "numpy/f2py",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/dialects/sqlite",
    "sqlalchemy/ext",
    "sqlalchemy/orm",
    "sqlalchemy/testing",
)
DEAD_SUFFIXES = {".pyi", ".pxd", ".pyx", ".h", ".hpp", ".c", ".cpp", ".a"}
WHO = "import sys; print(sys.implementation.cache_tag, sys.version_info.releaselevel, sys.executable)"


class NotBuilt(Exception):
    """Says in one line what failed and what to do."""


def requirements() -> str:
    return without_the_runtime((ROOT / "requirements.txt").read_text())


def without_the_runtime(text: str) -> str:
    """requirements.txt without what Lambda has: each requirement is a line and its indented hashes."""
    blocks = re.split(r"\n(?=\S)", text.strip())
    kept = [b for b in blocks if re.split(r"[=\[ ;]", b)[0].lower() not in IN_THE_RUNTIME and b[0] not in "#-"]
    return "\n".join(kept) + "\n"


def interpreter(python: str) -> str:
    """Where one of that version is on this machine. Raises NotBuilt when there is none: without it no layer is the one
    that other machines build."""
    tag = f"cpython-{python.replace('.', '')}"
    named = (shutil.which(f"python{python}", path=folder) for folder in os.get_exec_path())
    for candidate in (sys.executable, *filter(None, named)):
        said = who(candidate)
        # Until a version is final, what it compiles may not be what it reads later.
        if said[:2] == [tag, "final"]:
            return said[2]
    raise NotBuilt(
        f"LAMBDA_PYTHON is {python}, and no working python{python} is on the PATH to compile the layer with: install "
        f"it (`uv python install {python}`), or deploy first where it is: a layer that AWS has is not built again"
    )


def who(candidate: str) -> list[str]:
    """Its tag, release level and place; nothing when it does not start: it may be a shim of what is not here."""
    try:
        said = subprocess.run([candidate, "-I", "-c", WHO], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return said.strip().split(" ", 2)


def recipe(python: str, arch: str) -> str:
    """All that the layer follows from, wherever it is built."""
    return "\n".join((python, arch, requirements(), Path(__file__).read_text()))


def fill(libraries: Path, python: str, arch: str) -> None:
    """Put the libraries there. Raises NotBuilt."""
    compiler = interpreter(python)
    install(libraries, python, arch)
    strip(libraries)
    compile_all(libraries, compiler)


def install(target: Path, python: str, arch: str) -> None:
    """The wheels for Lambda, also where this machine would take others: its glibc may be newer than Lambda's."""
    listed = target.parent / "requirements.txt"
    listed.write_text(requirements())
    pip = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    fixed = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--no-warn-conflicts"]
    wheels = ["--implementation", "cp", "--python-version", python]
    wheels += [f"--platform={platform}_{MACHINES[arch]}" for platform in PLATFORMS]
    run(
        [*pip, *fixed, *wheels, "--target", str(target), "-r", str(listed)],
        f"pip could not fetch the layer's libraries for Python {python} on {arch}; its own words are above: "
        "let it reach PyPI, or, where requirements.txt was edited by hand, run infra_bash/lock.sh",
    )


def strip(libraries: Path) -> None:
    """Take away what no import needs."""
    for path in (libraries / folder for folder in UNUSED):
        if path.exists():
            shutil.rmtree(path)
    for path in sorted(libraries.rglob("*"), reverse=True):
        if path.is_dir() and path.name in DEAD_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and (path.suffix in DEAD_SUFFIXES or _is_paperwork(path)):
            path.unlink()


def _is_paperwork(path: Path) -> bool:
    in_info = any(part.endswith(".dist-info") for part in path.parts)
    return in_info and path.name not in ("METADATA", "entry_points.txt")


def compile_all(libraries: Path, compiler: str) -> None:
    """A .pyc in place of each source: a third of the start-up time, and half of the files."""
    # In one process: several need /dev/shm, which a bare chroot or container may lack.
    options = ["-q", "-b", "-o", "0", "--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the files as they lie on Lambda, and no .pyc knows where it was made.
    places = ["-s", str(libraries.parent), "-p", "/opt"]
    run(
        [compiler, "-I", "-m", "compileall", *options, *places, str(libraries)],
        f"{compiler} could not compile the layer's libraries; its own words are above: "
        "mend it, or take it off the PATH for another one",
    )
    for source in libraries.rglob("*.py"):
        source.unlink()


def run(command: list[str], failure: str) -> None:
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise NotBuilt(failure)
