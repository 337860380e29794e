"""The functions run on their package and the layer alone: what the layer leaves out, nobody misses."""

import importlib.util
import marshal
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path, PurePath

import pytest

from ops.package import build as package
from ops.package import layer as layer_of
from ops.package.layer import MACHINES, ROOT, RUNTIME_LIBRARIES

ARCH = next(arch for arch, machine in MACHINES.items() if machine == platform.machine())
# Amazon Linux 2023, which Lambda has since python3.12, comes with glibc 2.34.
LAMBDA_GLIBC = 34
# e_machine of an ELF file.
ELF_MACHINES = {"arm64": 183, "x86_64": 62}
# What we allow ourselves of Lambda's 250 MB, so that one more library never is one too many.
MOST_OF_SOURCES, MOST_COMPILED = 170e6, 230e6
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

EVERYTHING = """
import importlib, io, json, pkgutil, sys
import handlers, shared

for module in pkgutil.iter_modules(handlers.__path__):
    importlib.import_module(f"handlers.{module.name}")
for module in pkgutil.walk_packages(shared.__path__, "shared."):
    importlib.import_module(module.name)

import pandas as pd
from shared.columns import Column, INTEGER, TEXT
from shared.lake.parquet import decode, encode
from shared.load.schema import ddl
from shared.postgres.connection import connect
from shared.warehouse.registry import TARGETS

columns = [Column("id", INTEGER, nullable=False), Column("name", TEXT, nullable=True)]
frame = pd.DataFrame({c.name: pd.Series(v, dtype=c.kind.dtype) for c, v in zip(columns, ([2, 1], ["b", None]))})
again = decode(encode(frame, columns), columns, "a.parquet")
pd.testing.assert_frame_equal(again, frame)
merged = again.merge(frame, on="id").sort_values("id").groupby("id", as_index=False).first()
assert list(merged["id"]) == [1, 2]
for target in TARGETS.values():
    assert "CREATE TABLE" in ddl.create_table(target.table)

print(json.dumps(sorted({m.__file__.split("/site/")[0] for m in sys.modules.values() if getattr(m, "__file__", None)})))
"""


@pytest.fixture(scope="module")
def build() -> Path:
    """Return the folder where deploy.sh keeps layers, and these tests, too."""
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def zipped(build: Path) -> Path:
    """Return the layer for this interpreter."""
    return package.build_layer(build, PYTHON, ARCH)


@pytest.fixture(scope="module")
def layer(zipped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder / "python"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the libraries of Lambda's own Python, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME_LIBRARIES:
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        (folder / name).symlink_to(Path(spec.origin).parent)
    return folder


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    with zipfile.ZipFile(package.build_code(folder)) as archive:
        archive.extractall(folder)
    return folder


def test_all_functions_run_on_package_layer_and_runtime_alone(layer: Path, runtime: Path, code: Path) -> None:
    paths = [
        sysconfig.get_path("stdlib"),
        sysconfig.get_path("stdlib") + "/lib-dynload",
        *map(str, (code, layer, runtime)),
    ]
    script = f"import sys\nsys.path[:] = {paths!r}\n{EVERYTHING}"
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-west-2", "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "site-packages" not in done.stdout


def test_every_source_is_there_compiled_and_only_so(layer: Path) -> None:
    assert not list(layer.rglob("*.py"))
    assert (layer / "pandas/__init__.pyc").is_file()


@pytest.mark.soak
def test_two_folders_give_the_same_bytes(zipped: Path, tmp_path: Path) -> None:
    again = package.build_layer(tmp_path, PYTHON, ARCH)
    assert again.name == zipped.name
    # Not bytes == bytes, which pytest would take minutes to explain.
    same = again.read_bytes() == zipped.read_bytes()
    assert same, f"{zipped} is of other bytes; if an older Python or zlib made it, delete it"


def test_a_traceback_names_files_as_they_lie_on_lambda(layer: Path) -> None:
    code = marshal.loads((layer / "pandas/__init__.pyc").read_bytes()[16:])
    assert code.co_filename == "/opt/python/pandas/__init__.py"


def test_the_layer_has_room_for_code_and_growth(zipped: Path) -> None:
    assert package.unzipped_bytes(zipped) <= MOST_COMPILED


def test_the_layer_of_the_default_settings_is_what_lambda_loads(build: Path) -> None:
    defaults = dict(re.findall(r"^(LAMBDA_\w+)=(.*)$", (ROOT / "settings.example.env").read_text(), re.MULTILINE))
    python, arch = defaults["LAMBDA_PYTHON"], defaults["LAMBDA_ARCH"]
    holds_what_lambda_loads(sources(build, python, arch), python, arch)


@pytest.mark.soak
@pytest.mark.parametrize("arch", sorted(MACHINES))
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_serves_every_python_and_processor(tmp_path: Path, python: str, arch: str) -> None:
    holds_what_lambda_loads(sources(tmp_path, python, arch), python, arch)


def sources(folder: Path, python: str, arch: str) -> Path:
    """Return a layer that is not compiled, for a Python that this machine may not have. It is kept, as layers are."""
    path = folder / f"sources-of-{package.layer_name(python, arch)}"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        libraries = Path(scratch) / "python"
        layer_of.install_wheels(libraries, python, arch)
        layer_of.remove_unused(libraries)
        found = sorted(file for file in libraries.rglob("*") if file.is_file())
        contents = ((file.relative_to(scratch).as_posix(), file.read_bytes()) for file in found)
        return package.write_archive(Path(scratch) / path.name, contents).replace(path)


def holds_what_lambda_loads(zipped: Path, python: str, arch: str) -> None:
    """Expect no file twice, no unused file, and wheels for that Python, processor and glibc."""
    assert package.unzipped_bytes(zipped) <= MOST_OF_SOURCES
    with zipfile.ZipFile(zipped) as archive:
        names = archive.namelist()
        libraries = {name: archive.read(name) for name in names if ".so" in PurePath(name).suffixes}
    distributions = [name.split("/")[1].split("-")[0] for name in names if name.endswith(".dist-info/METADATA")]
    assert len(set(names)) == len(names) and len(set(distributions)) == len(distributions)
    tops = {name.split("/")[1] for name in names} | set(distributions)
    assert {"numpy", "pandas", "fastparquet"} <= tops and not tops & {
        "boto3",
        "botocore",
        "s3transfer",
        "jmespath",
        "urllib3",
    }
    dead = {"tests", "include", "__pycache__"}
    assert not [name for name in names if dead & set(PurePath(name).parts) or name.endswith((".pyc", ".h"))]
    for name, content in libraries.items():
        assert int.from_bytes(content[18:20], "little") == ELF_MACHINES[arch], name
        assert f".cpython-{python.replace('.', '')}-" in name or "cpython" not in name
        assert all(int(minor) <= LAMBDA_GLIBC for minor in re.findall(rb"GLIBC_2\.(\d+)", content)), name
