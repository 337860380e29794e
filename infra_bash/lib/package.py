"""Builds what the functions run on: a zip of our code and a layer of the libraries in requirements.txt.

    python -m infra_bash.lib.package FOLDER CACHE

puts code-HASH.zip into FOLDER and layer-HASH.zip into CACHE, and prints three lines: where the code is, its
SHA-256 as AWS writes it, where the layer is. LAMBDA_PYTHON,
LAMBDA_ARCH and DATABASE_CA come from the environment. The same tree gives the same bytes; a layer that is
there already is not built again.
"""

import base64
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from shared.topology import CA_IN_PACKAGE, CODE_VERSION_FILE

ROOT = Path(__file__).resolve().parents[2]
# Lambda's own limit for code and layers together, unzipped.
MOST_BYTES = 250 * 1024 * 1024
# Lambda's Python brings boto3 and what it needs; MiniStack's functions find it in MiniStack's interpreter.
IN_THE_RUNTIME = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3"}
# Change this when the way a layer is made changes: a layer is known by its recipe, not by its bytes.
RECIPE = "3"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# numpy and pandas publish for this glibc; under an older tag pip silently takes versions years old.
PLATFORM = "manylinux_2_28"
DEAD_FOLDERS = {"tests", "include", "__pycache__", "bin"}
# What no import of ours reaches, by far the most of what can go; tests/infra/test_layer.py holds it to that.
UNUSED = (
    "numpy/distutils",
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
EPOCH = (1980, 1, 1, 0, 0, 0)


def archived(path: Path, files: Iterable[tuple[str, bytes]], compression: int) -> Path:
    """Zip files, given by name and content, into path: whole or not at all, the same bytes each time."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as unfinished:
        with zipfile.ZipFile(unfinished, "w", compression, compresslevel=1) as archive:
            for name, content in files:
                info = zipfile.ZipInfo(name, EPOCH)
                info.external_attr = 0o644 << 16
                archive.writestr(info, content, compression)
        Path(unfinished.name).chmod(0o644)
    return Path(unfinished.name).replace(path)


def code_files() -> Iterable[tuple[str, bytes]]:
    for file in sorted(p for folder in ("handlers", "shared") for p in (ROOT / folder).rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(ROOT).as_posix(), file.read_bytes()
    if authority := os.environ.get("DATABASE_CA"):
        yield CA_IN_PACKAGE, Path(authority).read_bytes()


def build_code(folder: Path) -> Path:
    files = list(code_files())
    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    files.append((CODE_VERSION_FILE, digest[:12].encode()))
    # Stored, not deflated: deflate's bytes differ between versions of zlib.
    return archived(folder / f"code-{digest[:16]}.zip", files, zipfile.ZIP_STORED)


def layer_requirements(text: str) -> str:
    """requirements.txt without what Lambda has: each requirement is a line and its indented hashes."""
    blocks = re.split(r"\n(?=\S)", text.strip())
    kept = [b for b in blocks if re.split(r"[=\[ ;]", b)[0].lower() not in IN_THE_RUNTIME and b[0] not in "#-"]
    return "\n".join(kept) + "\n"


def runs_here(python: str, arch: str) -> bool:
    """Whether this interpreter is the functions' own, so that it can also compile for them."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine(), sys.platform
    return here == (python, MACHINES[arch], "linux")


def build_layer(folder: Path, python: str, arch: str) -> Path:
    requirements = layer_requirements((ROOT / "requirements.txt").read_text())
    here = runs_here(python, arch)
    recipe = "\n".join((RECIPE, python, arch, str(here), requirements))
    path = folder / f"layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.zip"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        libraries = Path(scratch) / "python"
        install(libraries, requirements, Path(scratch), [] if here else foreign(python, arch))
        strip(libraries)
        if here:
            compile_all(libraries)
        files = sorted(p for p in libraries.rglob("*") if p.is_file())
        named = ((f"python/{p.relative_to(libraries).as_posix()}", p.read_bytes()) for p in files)
        return archived(path, named, zipfile.ZIP_DEFLATED)


def install(target: Path, requirements: str, scratch: Path, options: list[str]) -> None:
    listed = scratch / "requirements.txt"
    listed.write_text(requirements)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    fixed = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:", "--no-warn-conflicts"]
    subprocess.run([*pip, *fixed, *options, "--target", target, "-r", listed], check=True, stdout=sys.stderr)


def foreign(python: str, arch: str) -> list[str]:
    wheels = f"{PLATFORM}_{MACHINES[arch]}"
    return ["--platform", wheels, "--python-version", python, "--implementation", "cp"]


def strip(libraries: Path) -> None:
    """Take away what no import needs."""
    for folder in UNUSED:
        shutil.rmtree(libraries / folder)
    for path in sorted(libraries.rglob("*"), reverse=True):
        if path.is_dir() and path.name in DEAD_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and (path.suffix in DEAD_SUFFIXES or _is_paperwork(path)):
            path.unlink()


def _is_paperwork(path: Path) -> bool:
    in_info = any(part.endswith(".dist-info") for part in path.parts)
    return in_info and path.name not in ("METADATA", "entry_points.txt")


def compile_all(libraries: Path) -> None:
    """The .pyc of this interpreter in place of each source: a third of the start-up time, and half of the files."""
    # In one process: several need /dev/shm, which a bare chroot or container may lack.
    options = ["-q", "-b", "-o", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-m", "compileall", *options, libraries], check=True, stdout=sys.stderr)
    for source in libraries.rglob("*.py"):
        source.unlink()


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def main() -> int:
    folder, cache = map(Path, sys.argv[1:])
    cache.mkdir(parents=True, exist_ok=True)
    python, arch = os.environ["LAMBDA_PYTHON"], os.environ["LAMBDA_ARCH"]
    built = build_code(folder), build_layer(cache, python, arch)
    code, layer = built
    print(code, base64.b64encode(hashlib.sha256(code.read_bytes()).digest()).decode(), layer, sep="\n")
    for path in built:
        megabytes = path.stat().st_size / 1e6, unzipped_bytes(path) / 1e6
        print(f"{'ok':<8}{path.name}: {megabytes[0]:.1f} MB, unzipped {megabytes[1]:.1f} MB", file=sys.stderr)
    if sum(map(unzipped_bytes, built)) > MOST_BYTES:
        print(f"FAILED  code and layer exceed Lambda's {MOST_BYTES // 1024**2} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
