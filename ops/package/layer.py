"""Build the layer: the libraries of requirements.txt that Lambda does not have, without what no function needs.

A layer is identified by its recipe, and this file is part of the recipe. The same recipe gives the same bytes on every
machine whose Python of that version compiles the same.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Lambda's Python has boto3 and its dependencies; in MiniStack the functions use those of MiniStack's interpreter.
RUNTIME_LIBRARIES = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3"}
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# The platforms that glibc 2.34 supports, which Lambda has since python3.12; the newest first. All must be listed: given
# only manylinux_2_28, pip does not find a wheel that is tagged manylinux_2_17.
PLATFORMS = (*(f"manylinux_2_{minor}" for minor in range(34, 16, -1)), "manylinux2014")
UNUSED_FOLDERS = {"tests", "include", "__pycache__", "bin"}
# Folders that no import of ours reaches: the largest part of what can be removed. tests/infra/test_layer.py checks it.
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
UNUSED_SUFFIXES = {".pyi", ".pxd", ".pyx", ".h", ".hpp", ".c", ".cpp", ".a"}
FACTS = "import sys; print(sys.implementation.cache_tag, sys.version_info.releaselevel, sys.executable)"


class NotBuilt(Exception):
    """A package cannot be built. The message says in one line what failed and what to do."""


def requirements() -> str:
    return without_runtime_libraries((ROOT / "requirements.txt").read_text())


def without_runtime_libraries(text: str) -> str:
    """Return requirements.txt without the libraries that Lambda has. A requirement is a line and indented hashes."""
    blocks = re.split(r"\n(?=\S)", text.strip())
    kept = [b for b in blocks if re.split(r"[=\[ ;]", b)[0].lower() not in RUNTIME_LIBRARIES and b[0] not in "#-"]
    return "\n".join(kept) + "\n"


def interpreter(python: str) -> str:
    """Return the path of an interpreter of this version. Raises NotBuilt when this machine has none: another version
    would build another layer than other machines."""
    tag = f"cpython-{python.replace('.', '')}"
    named = (shutil.which(f"python{python}", path=folder) for folder in os.get_exec_path())
    for candidate in (sys.executable, *filter(None, named)):
        facts = interpreter_facts(candidate)
        # Compiled files of a pre-release may be invalid for the release.
        if facts[:2] == [tag, "final"]:
            return facts[2]
    raise NotBuilt(
        f"LAMBDA_PYTHON is {python}, and no working python{python} is on the PATH to compile the layer: install it "
        f"(`uv python install {python}`), or deploy once from a machine that has it: a layer on AWS is not built again"
    )


def interpreter_facts(candidate: str) -> list[str]:
    """Return tag, release level and path of an interpreter; [] when it does not start, such as a shim."""
    try:
        output = subprocess.run([candidate, "-I", "-c", FACTS], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return output.strip().split(" ", 2)


def recipe(python: str, arch: str) -> str:
    """Return everything that determines the content of the layer."""
    return "\n".join((python, arch, requirements(), Path(__file__).read_text()))


def build(libraries: Path, python: str, arch: str) -> None:
    """Install the libraries into the folder `libraries`, reduced and compiled. Raises NotBuilt."""
    compiler = interpreter(python)
    install_wheels(libraries, python, arch)
    remove_unused(libraries)
    compile_sources(libraries, compiler)


def install_wheels(target: Path, python: str, arch: str) -> None:
    """Install the wheels for Lambda, not for this machine, whose glibc may be newer."""
    listed = target.parent / "requirements.txt"
    listed.write_text(requirements())
    pip = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    fixed = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--no-warn-conflicts"]
    wheels = ["--implementation", "cp", "--python-version", python]
    wheels += [f"--platform={platform}_{MACHINES[arch]}" for platform in PLATFORMS]
    run_or_raise(
        [*pip, *fixed, *wheels, "--target", str(target), "-r", str(listed)],
        f"pip could not fetch the layer's libraries for Python {python} on {arch}; see its errors above. "
        "Check the connection to PyPI; if requirements.txt was edited by hand, run infra_bash/lock.sh",
    )


def remove_unused(libraries: Path) -> None:
    """Remove the files that no import needs."""
    for path in (libraries / folder for folder in UNUSED):
        if path.exists():
            shutil.rmtree(path)
    for path in sorted(libraries.rglob("*"), reverse=True):
        if path.is_dir() and path.name in UNUSED_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and (path.suffix in UNUSED_SUFFIXES or _is_unused_metadata(path)):
            path.unlink()


def _is_unused_metadata(path: Path) -> bool:
    in_info = any(part.endswith(".dist-info") for part in path.parts)
    return in_info and path.name not in ("METADATA", "entry_points.txt")


def compile_sources(libraries: Path, compiler: str) -> None:
    """Replace each source by a .pyc, which takes a third of the start-up time and halves the number of files."""
    # In one process: several need /dev/shm, which a minimal chroot or container may not have.
    options = ["-q", "-b", "-o", "0", "--invalidation-mode", "unchecked-hash"]
    # Tracebacks name the paths on Lambda, and a .pyc does not contain the path of this machine's folder.
    places = ["-s", str(libraries.parent), "-p", "/opt"]
    run_or_raise(
        [compiler, "-I", "-m", "compileall", *options, *places, str(libraries)],
        f"{compiler} could not compile the layer's libraries; see its errors above. "
        "Repair it, or put another one first on the PATH",
    )
    for source in libraries.rglob("*.py"):
        source.unlink()


def run_or_raise(command: list[str], failure: str) -> None:
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise NotBuilt(failure)
