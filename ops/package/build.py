"""Build the packages of the functions: a zip of our code, and a layer with the libraries of requirements.txt.

    python -m ops.package.build code FOLDER
    python -m ops.package.build layer CACHE CODE

`code` writes FOLDER/code-HASH.zip and prints three lines: its path, its SHA-256 in AWS's form, and the name of the
layer's file. `layer` writes the layer into CACHE, unless it is there already; CODE is the zip that it is used with.
LAMBDA_PYTHON, LAMBDA_ARCH and DATABASE_CA come from the environment. The same files give the same bytes.
"""

import base64
import hashlib
import os
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ops.package import layer
from ops.package.layer import ROOT, NotBuilt
from ops.stack.topology import CA_IN_PACKAGE, CODE_VERSION_LENGTH
from shared.settings import CODE_VERSION_FILE

# Lambda's limit for code and layers together, unzipped.
MAX_BYTES = 250 * 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write a zip of files, given by name and content, to `path`, with the same bytes each time. Files are stored,
    because the output of deflate differs between versions of zlib."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_STORED)
    return path


def code_files() -> Iterable[tuple[str, bytes]]:
    """Yield path and content of the modules that functions import. Files that cannot be imported (.#a.py, a.orig.py)
    come from some tool and are left out."""
    modules = {path.relative_to(ROOT) for folder in ("handlers", "shared") for path in (ROOT / folder).rglob("*.py")}
    for path in sorted(modules, key=Path.as_posix):
        if all(part.isidentifier() for part in path.with_suffix("").parts):
            yield path.as_posix(), (ROOT / path).read_bytes()
    if authority := os.environ.get("DATABASE_CA"):
        yield CA_IN_PACKAGE, Path(authority).read_bytes()


def build_code(folder: Path) -> Path:
    files = list(code_files())
    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    files.append((CODE_VERSION_FILE, digest[:CODE_VERSION_LENGTH].encode()))
    return write_archive(folder / f"code-{digest[:16]}.zip", files)


def layer_name(python: str, arch: str) -> str:
    return f"layer-{hashlib.sha256(layer.recipe(python, arch).encode()).hexdigest()[:16]}.zip"


def build_layer(folder: Path, python: str, arch: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / layer_name(python, arch)
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        libraries = Path(scratch) / "python"
        layer.build(libraries, python, arch)
        files = {file.relative_to(scratch).as_posix(): file for file in libraries.rglob("*") if file.is_file()}
        contents = ((name, files[name].read_bytes()) for name in sorted(files))
        # The file gets its name when it is complete.
        return write_archive(Path(scratch) / path.name, contents).replace(path)


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def refuse_too_large(unzipped: int) -> None:
    if unzipped > MAX_BYTES:
        raise NotBuilt(
            f"code and layer are {unzipped / 1024**2:.0f} MB unzipped, and Lambda takes {MAX_BYTES // 1024**2}: "
            "add to UNUSED in ops/package/layer.py, or use fewer libraries"
        )


def code(folder: Path, python: str, arch: str) -> None:
    built = build_code(folder)
    report_size(built)
    print(built, base64.b64encode(hashlib.sha256(built.read_bytes()).digest()).decode(), sep="\n")
    print(layer_name(python, arch))


def libraries(folder: Path, python: str, arch: str, code_zip: Path) -> None:
    built = build_layer(folder, python, arch)
    report_size(built)
    refuse_too_large(unzipped_bytes(code_zip) + unzipped_bytes(built))


def report_size(built: Path) -> None:
    report("ok", f"{built.name}: {built.stat().st_size / 1e6:.1f} MB, unzipped {unzipped_bytes(built) / 1e6:.1f} MB")


def report(verb: str, words: str) -> None:
    print(f"{verb:<8}{words}", file=sys.stderr)


def main() -> int:
    # So that temporary folders are deleted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command, folder, *code_zip = sys.argv[1:]
    arguments = Path(folder), os.environ["LAMBDA_PYTHON"], os.environ["LAMBDA_ARCH"]
    try:
        if command == "code":
            code(*arguments)
        else:
            libraries(*arguments, *map(Path, code_zip))
    except NotBuilt as error:
        report("FAILED", str(error))
    except OSError as error:
        report("FAILED", f"the packages could not be built: {error}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
