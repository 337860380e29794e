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
import signal
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from infra_bash.lib import layer
from infra_bash.lib.layer import ROOT, NotBuilt
from shared.topology import CA_IN_PACKAGE, CODE_VERSION_FILE, CODE_VERSION_LENGTH

# Lambda's own limit for code and layers together, unzipped.
MOST_BYTES = 250 * 1024 * 1024
EPOCH = (1980, 1, 1, 0, 0, 0)


def archived(path: Path, files: Iterable[tuple[str, bytes]], compression: int) -> Path:
    """Zip files, given by name and content, into path: the same bytes each time."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, compression)
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
    # Stored, not deflated: deflate's bytes differ between versions of zlib.
    return archived(folder / f"code-{digest[:16]}.zip", files, zipfile.ZIP_STORED)


def build_layer(folder: Path, python: str, arch: str, compiler: str) -> Path:
    """`compiler` is an interpreter of that version, "" for a layer without .pyc."""
    recipe = layer.recipe(python, arch, compiler)
    path = folder / f"layer-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.zip"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        libraries = Path(scratch) / "python"
        layer.fill(libraries, python, arch, compiler)
        files = {file.relative_to(scratch).as_posix(): file for file in libraries.rglob("*") if file.is_file()}
        contents = ((name, files[name].read_bytes()) for name in sorted(files))
        # Under its name it is there whole or not at all.
        return archived(Path(scratch) / path.name, contents, zipfile.ZIP_DEFLATED).replace(path)


def unzipped_bytes(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return sum(info.file_size for info in archive.infolist())


def refuse_too_large(unzipped: int) -> None:
    if unzipped > MOST_BYTES:
        raise NotBuilt(
            f"code and layer are {unzipped / 1024**2:.0f} MB unzipped, and Lambda takes {MOST_BYTES // 1024**2}: "
            "add to UNUSED in infra_bash/lib/layer.py, or need fewer libraries"
        )


def build(folder: Path, cache: Path, python: str, arch: str) -> None:
    compiler = layer.interpreter(python)
    if not compiler:
        say("without", f".pyc: there is no working python{python} on the PATH; cold starts take three times as long")
    cache.mkdir(parents=True, exist_ok=True)
    built = build_code(folder), build_layer(cache, python, arch, compiler)
    for path in built:
        say("ok", f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, unzipped {unzipped_bytes(path) / 1e6:.1f} MB")
    refuse_too_large(sum(map(unzipped_bytes, built)))
    code, libraries = built
    print(code, base64.b64encode(hashlib.sha256(code.read_bytes()).digest()).decode(), libraries, sep="\n")


def say(verb: str, words: str) -> None:
    print(f"{verb:<8}{words}", file=sys.stderr)


def main() -> int:
    # So that what is half made is cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder, cache = map(Path, sys.argv[1:])
    try:
        build(folder, cache, os.environ["LAMBDA_PYTHON"], os.environ["LAMBDA_ARCH"])
    except NotBuilt as error:
        say("FAILED", str(error))
    except OSError as error:
        say("FAILED", f"the packages could not be made: {error}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
