"""Builds what the functions run on: a zip of our code and a layer of the libraries in requirements.txt.

    python -m ops.package.build code FOLDER
    python -m ops.package.build layer CACHE CODE

`code` puts code-HASH.zip into FOLDER and prints three lines: where it is, its SHA-256 as AWS writes it, and what the
layer is called. `layer` puts that into CACHE, unless it is there already; CODE is the zip it is used with.
LAMBDA_PYTHON, LAMBDA_ARCH and DATABASE_CA come from the environment. The same tree gives the same bytes.
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

# Lambda's own limit for code and layers together, unzipped.
MOST_BYTES = 250 * 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)


def archived(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Zip files, given by name and content, into path: the same bytes each time. They are stored, for what deflate
    makes of them differs between versions of zlib."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_STORED)
    return path


def code_files() -> Iterable[tuple[str, bytes]]:
    """What functions import. A file that import could not name (.#a.py, a.orig.py) was left there by some tool."""
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
    return archived(folder / f"code-{digest[:16]}.zip", files)


def layer_name(python: str, arch: str) -> str:
    return f"layer-{hashlib.sha256(layer.recipe(python, arch).encode()).hexdigest()[:16]}.zip"


def build_layer(folder: Path, python: str, arch: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / layer_name(python, arch)
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        libraries = Path(scratch) / "python"
        layer.fill(libraries, python, arch)
        files = {file.relative_to(scratch).as_posix(): file for file in libraries.rglob("*") if file.is_file()}
        contents = ((name, files[name].read_bytes()) for name in sorted(files))
        # Under its name it is there whole or not at all.
        return archived(Path(scratch) / path.name, contents).replace(path)


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def refuse_too_large(unzipped: int) -> None:
    if unzipped > MOST_BYTES:
        raise NotBuilt(
            f"code and layer are {unzipped / 1024**2:.0f} MB unzipped, and Lambda takes {MOST_BYTES // 1024**2}: "
            "add to UNUSED in ops/package/layer.py, or need fewer libraries"
        )


def code(folder: Path, python: str, arch: str) -> None:
    built = build_code(folder)
    say_size(built)
    print(built, base64.b64encode(hashlib.sha256(built.read_bytes()).digest()).decode(), sep="\n")
    print(layer_name(python, arch))


def libraries(folder: Path, python: str, arch: str, used_with: Path) -> None:
    built = build_layer(folder, python, arch)
    say_size(built)
    refuse_too_large(unzipped_bytes(used_with) + unzipped_bytes(built))


def say_size(built: Path) -> None:
    say("ok", f"{built.name}: {built.stat().st_size / 1e6:.1f} MB, unzipped {unzipped_bytes(built) / 1e6:.1f} MB")


def say(verb: str, words: str) -> None:
    print(f"{verb:<8}{words}", file=sys.stderr)


def main() -> int:
    # So that what is half made is cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    what, folder, *used_with = sys.argv[1:]
    layer_of = Path(folder), os.environ["LAMBDA_PYTHON"], os.environ["LAMBDA_ARCH"]
    try:
        if what == "code":
            code(*layer_of)
        else:
            libraries(*layer_of, *map(Path, used_with))
    except NotBuilt as error:
        say("FAILED", str(error))
    except OSError as error:
        say("FAILED", f"the packages could not be made: {error}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
