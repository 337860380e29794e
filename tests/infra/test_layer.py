"""The functions run on their package and the layer alone: what the layer leaves out, nobody misses."""

import importlib.util
import os
import platform
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from infra_bash.lib import package

ARCH = next(arch for arch, machine in package.MACHINES.items() if machine == platform.machine())
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

EVERYTHING = """
import importlib, io, json, pkgutil, sys
import handlers, shared

for module in pkgutil.iter_modules(handlers.__path__):
    importlib.import_module(f"handlers.{module.name}")
for module in pkgutil.walk_packages(shared.__path__, "shared."):
    importlib.import_module(module.name)

import pandas as pd
from shared.columns import DTYPES, Column, Kind
from shared.lake.parquet import decode, encode
from shared.load import declared
from shared.postgres.connection import connect
from shared.warehouse.registry import TARGETS

columns = [Column("id", Kind.INTEGER, nullable=False), Column("name", Kind.TEXT, nullable=True)]
frame = pd.DataFrame({c.name: pd.Series(v, dtype=DTYPES[c.kind]) for c, v in zip(columns, ([2, 1], ["b", None]))})
again = decode(encode(frame, columns), columns, "a.parquet")
pd.testing.assert_frame_equal(again, frame)
merged = again.merge(frame, on="id").sort_values("id").groupby("id", as_index=False).first()
assert list(merged["id"]) == [1, 2]
for target in TARGETS.values():
    assert "CREATE TABLE" in declared.create_table(target.table)

print(json.dumps(sorted({m.__file__.split("/site/")[0] for m in sys.modules.values() if getattr(m, "__file__", None)})))
"""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer for this interpreter, kept in build/ as deploy.sh keeps it."""
    build = package.ROOT / "build"
    build.mkdir(exist_ok=True)
    folder = tmp_path_factory.mktemp("layer")
    with zipfile.ZipFile(package.build_layer(build, PYTHON, ARCH)) as archive:
        archive.extractall(folder)
    return folder / "python"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's own Python brings, and nothing else of this environment."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in package.IN_THE_RUNTIME:
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


def test_the_layer_leaves_lambda_room(layer: Path) -> None:
    assert sum(file.stat().st_size for file in layer.rglob("*") if file.is_file()) < 0.5 * package.MOST_BYTES
