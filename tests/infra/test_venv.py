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


LIBRARIES = """
    source infra_bash/lib/script.sh
    source infra_bash/lib/venv.sh
    ROOT=$1
    STAMP=$ROOT/.venv/installed
    PYTHON=$ROOT/.venv/bin/python
    install_requirements() { say create "$*"; [[ ! -e $ROOT/interrupt ]] || kill -KILL $$; }
    make_venv() { say create .venv; mkdir -p "$ROOT/.venv/bin"; cp /bin/true "$PYTHON"; touch "$STAMP"; }
"""


def scripts_venv(folder: Path, *commands: str) -> list[str]:
    """Run the commands in a checkout with two requirement files; return what was said."""
    done = subprocess.run(
        ["bash", "-c", LIBRARIES + "\n".join(commands), "status.sh", str(folder)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("requirements.txt", "requirements-local.txt"):
        (tmp_path / name).write_text(f"{name}==1.0\n")
    return tmp_path


INSTALLED = "create  requirements.txt requirements-local.txt"


def test_any_script_makes_what_it_needs_once(checkout: Path) -> None:
    assert scripts_venv(checkout, "require_venv") == ["create  .venv", INSTALLED]
    assert scripts_venv(checkout, "require_venv") == []
    (checkout / "requirements-local.txt").write_text("another==2.0\n")
    assert scripts_venv(checkout, "require_venv") == [INSTALLED]


def test_an_interrupted_installation_is_finished(checkout: Path) -> None:
    (checkout / "interrupt").touch()
    assert scripts_venv(checkout, "require_venv") == ["create  .venv", INSTALLED]
    (checkout / "interrupt").unlink()
    assert scripts_venv(checkout, "require_venv") == [INSTALLED]
    assert scripts_venv(checkout, "require_venv") == []


def test_a_venv_that_was_not_made_whole_is_made_again(checkout: Path) -> None:
    scripts_venv(checkout, "require_venv")
    (checkout / ".venv/installed").unlink()
    assert scripts_venv(checkout, "require_venv") == ["create  .venv", INSTALLED]
