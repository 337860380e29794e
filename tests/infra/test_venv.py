"""What .venv is made from: wheels alone, for a source distribution's setup.py runs as whoever deploys."""

import hashlib
import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.infra.scripts import ROOT

pytestmark = pytest.mark.fast

NAME = "planted_fault"
INFO = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n"
INSTALL = """
    source infra_bash/lib/script.sh
    source infra_bash/lib/venv.sh
    ROOT=$1
    install_requirements requirements.txt
"""


def install(folder: Path, distribution: Path) -> subprocess.CompletedProcess[str]:
    """Install what the folder has, into the folder, as ensure_venv does it."""
    digest = hashlib.sha256(distribution.read_bytes()).hexdigest()
    (folder / "requirements.txt").write_text(f"{NAME}==1.0 --hash=sha256:{digest}\n")
    index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
    here = {"PIP_TARGET": str(folder / "installed"), "PIP_NO_BUILD_ISOLATION": "0"}
    return subprocess.run(
        ["bash", "-c", INSTALL, "install", str(folder)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **index, **here},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_wheel_is_installed(tmp_path: Path) -> None:
    wheel = tmp_path / f"{NAME}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{NAME}.py", "")
        info = f"{NAME}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", INFO)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    done = install(tmp_path, wheel)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"installed/{NAME}.py").exists()


def test_no_setup_py_is_run(tmp_path: Path) -> None:
    source = tmp_path / f"{NAME}-1.0.tar.gz"
    run = (
        f"open({str(tmp_path / 'was_run')!r}, 'w')\nimport setuptools\nsetuptools.setup(name='{NAME}', version='1.0')\n"
    )
    with tarfile.open(source, "w:gz") as archive:
        for name, text in {"setup.py": run, "PKG-INFO": INFO}.items():
            member = tarfile.TarInfo(f"{NAME}-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    done = install(tmp_path, source)
    assert done.returncode == 1 and "pip could not install requirements.txt" in done.stderr
    assert not (tmp_path / "was_run").exists()
