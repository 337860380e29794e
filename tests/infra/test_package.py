"""Building code and layer, of a checkout whose one library is a wheel made here: nothing is downloaded."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.package import build as package
from ops.package import layer
from ops.package.uploads import catalogue
from shared.catalogue import TABLES
from shared.lake.keys import catalogue_key
from shared.settings import CODE_VERSION_FILE

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
ELSEWHERE = "3.12" if HERE == "3.13" else "3.13"
TAG = f"cpython-{ELSEWHERE.replace('.', '')}"
LIBRARY = {
    "tiny/__init__.py": 'def place(word: str) -> bool:\n    return word in {"a", "b", "c"}\n',
    "tiny/tests/test_tiny.py": "",
    "tiny/tiny.h": "",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.dist-info/RECORD": "",
}


@dataclass(frozen=True)
class Checkout:
    root: Path

    @property
    def cache(self) -> Path:
        return self.root / "build"

    def command(self, python: str, *what: str) -> tuple[list[str], dict[str, str]]:
        work = self.root / "work"
        work.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "PYTHONPATH": str(self.root),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.root / "wheels"),
            "LAMBDA_PYTHON": python,
            "LAMBDA_ARCH": "arm64",
        }
        return [sys.executable, "-P", "-m", "ops.package.build", *what], environment

    def build(self, python: str = HERE) -> subprocess.CompletedProcess[str]:
        """Build the code and then the layer, as deploy.sh does; return the output of both."""
        code = self._run(python, "code", str(self.root / "work"))
        if code.returncode != 0:
            return code
        layer = self._run(python, "layer", str(self.cache), code.stdout.splitlines()[0])
        assert layer.stdout == ""
        words = code.stderr + layer.stderr
        return subprocess.CompletedProcess(layer.args, layer.returncode, code.stdout, words)

    def _run(self, python: str, *what: str) -> subprocess.CompletedProcess[str]:
        command, environment = self.command(python, *what)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def built(self, python: str = HERE) -> tuple[zipfile.ZipFile, zipfile.ZipFile]:
        done = self.build(python)
        assert done.returncode == 0, done.stderr
        code, _, libraries = done.stdout.splitlines()
        return zipfile.ZipFile(code), zipfile.ZipFile(self.cache / libraries)

    def python_on_the_path(self, name: str, script: str) -> Path:
        """Write a program that claims to be a final release of the other Python, and compiles by `script`."""
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncase $* in *compileall*) {script} ;; esac\necho {TAG} final {program}\n")
        program.chmod(0o755)
        return program


def checkout(root: Path) -> Checkout:
    for folder in ("handlers", "shared", "infra_bash", "ops"):
        shutil.copytree(layer.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "wheels").mkdir()
    wheel = root / "wheels/tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in LIBRARY.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (root / "requirements.txt").write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
    return Checkout(root)


@pytest.fixture
def tree(tmp_path: Path) -> Checkout:
    return checkout(tmp_path / "tree")


def test_two_checkouts_in_two_folders_give_the_same_bytes(tree: Checkout, tmp_path: Path) -> None:
    other = checkout(tmp_path / "a-folder-of-another-length")
    for module in (other.root / "shared").rglob("*.py"):
        module.chmod(0o700)
        os.utime(module, (1_000_000_000, 1_000_000_000))
    for name in (
        ".DS_Store",
        "a.py~",
        "a.py.orig",
        ".#a.py",
        "._a.py",
        "a.orig.py",
        "a.txt",
        ".ipynb_checkpoints/a.py",
    ):
        junk = other.root / "shared" / name
        junk.parent.mkdir(exist_ok=True)
        junk.write_text("print('junk')")
    built = tree.built()
    assert built[1].namelist() == ["python/tiny-1.0.dist-info/METADATA", "python/tiny/__init__.pyc"]
    # What deflate makes of it differs between versions of zlib.
    assert {info.compress_type for archive in built for info in archive.infolist()} == {zipfile.ZIP_STORED}
    for one, same in zip(built, other.built(), strict=True):
        assert Path(str(one.filename)).name == Path(str(same.filename)).name
        assert Path(str(one.filename)).read_bytes() == Path(str(same.filename)).read_bytes()


def test_what_git_knows_of_the_functions_is_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_CA", raising=False)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "handlers", "shared"]
    known = subprocess.run(listed, cwd=layer.ROOT, capture_output=True, text=True, check=True).stdout.split()
    packed = zipfile.ZipFile(package.build_code(tmp_path)).namelist()
    assert sorted(packed) == sorted([*known, CODE_VERSION_FILE])


def test_the_package_says_which_code_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> str:
        content = zipfile.ZipFile(package.build_code(tmp_path)).read(CODE_VERSION_FILE).decode()
        assert len(content) == 12 and set(content) <= set("0123456789abcdef")
        return content

    monkeypatch.delenv("DATABASE_CA", raising=False)
    first = version()
    assert version() == first
    (tmp_path / "ca.pem").write_text("certificate")
    monkeypatch.setenv("DATABASE_CA", str(tmp_path / "ca.pem"))
    assert version() != first


def test_a_private_authority_travels_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("certificate")
    monkeypatch.setenv("DATABASE_CA", str(authority))
    assert zipfile.ZipFile(package.build_code(tmp_path)).read("database-ca.pem") == b"certificate"


def test_the_layer_leaves_out_what_lambda_has_and_keeps_its_hashes() -> None:
    text = "# a comment\nboto3==1 \\\n    --hash=sha256:a\nnumpy==2 ; python_version < '3.12' \\\n    --hash=sha256:b\n"
    assert layer.without_runtime_libraries(text) == ("numpy==2 ; python_version < '3.12' \\\n    --hash=sha256:b\n")


def test_the_layer_has_all_that_the_functions_import() -> None:
    kept = layer.requirements()
    for library in ("fastparquet", "msgspec", "numpy", "pandas", "pg8000", "sqlalchemy", "tenacity", "python-dateutil"):
        assert f"\n{library}==" in f"\n{kept}"


def test_the_lock_has_one_version_of_a_library_for_every_python() -> None:
    kept = layer.requirements()
    heads = [line for line in kept.splitlines() if not line.startswith(" ")]
    assert len({head.split("==")[0] for head in heads}) == len(heads)
    # pip asks markers of the interpreter that builds, not of the one that the layer is for.
    assert not [head for head in heads if "python" in head.partition(";")[2]]


def test_a_second_build_says_the_sizes_and_makes_no_layer(tree: Checkout) -> None:
    first = tree.build()
    (libraries,) = tree.cache.iterdir()
    made = libraries.stat().st_mtime_ns
    second = tree.build()
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, first.stderr)
    assert libraries.stat().st_mtime_ns == made
    code_line, layer_line = second.stderr.splitlines()
    assert code_line.startswith("ok      code-") and " MB, unzipped " in code_line
    assert layer_line.startswith("ok      layer-") and " MB, unzipped " in layer_line


def test_without_an_interpreter_of_that_version_it_is_named_and_nothing_is_built(tree: Checkout) -> None:
    """Refuse another interpreter: it would build another layer, and deployers would replace each other's layer."""
    shim = tree.python_on_the_path(f"python{ELSEWHERE}", "")
    shim.write_text(f"#!/bin/sh\necho 'pyenv: python{ELSEWHERE}: command not found' >&2\nexit 127\n")
    ends_in_one_line(tree, ELSEWHERE, f"LAMBDA_PYTHON is {ELSEWHERE}", f"no working python{ELSEWHERE} is on the PATH")
    tree.python_on_the_path(f"python{ELSEWHERE}", "exit 0")
    assert tree.build(ELSEWHERE).returncode == 0


def test_a_layers_name_is_known_without_building_it_or_having_its_python(tree: Checkout) -> None:
    names = {python: tree.build(python).stdout.splitlines()[2] for python in (HERE, ELSEWHERE)}
    assert len(set(names.values())) == 2
    assert [path.name for path in tree.cache.iterdir()] == [names[HERE]]


def test_every_python_of_that_name_is_tried_and_asked_who_it_is(
    tree: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"python{ELSEWHERE}"
    answers = ("", "exit 127", f"echo cpython-39 final {name}", f"echo {TAG} candidate {name}", f"echo {TAG} final it")
    for number, answer in enumerate(answers):
        program = tree.root / f"bin{number}" / name
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{answer}\n" if answer else "no program")
        program.chmod(0o755)
    folders = [str(tree.root / f"bin{number}") for number in range(len(answers))]
    monkeypatch.setenv("PATH", ":".join(folders))
    assert layer.interpreter(ELSEWHERE) == "it"
    monkeypatch.setenv("PATH", ":".join(folders[:-1]))
    with pytest.raises(layer.NotBuilt):
        layer.interpreter(ELSEWHERE)
    assert layer.interpreter(HERE) == sys.executable


def ends_in_one_line(tree: Checkout, python: str, *words: str) -> None:
    done = tree.build(python)
    *_, last = done.stderr.splitlines()
    assert done.returncode == 1
    assert last.startswith("FAILED  ") and all(word in last for word in words), done.stderr
    assert "Traceback" not in done.stderr
    assert not tree.cache.is_dir() or not list(tree.cache.iterdir())


def test_libraries_that_cannot_be_reached_are_said(tree: Checkout) -> None:
    shutil.rmtree(tree.root / "wheels")
    ends_in_one_line(tree, HERE, "pip could not fetch", f"Python {HERE} on arm64", "the connection to PyPI")


@pytest.mark.parametrize("hashes", [f" \\\n    --hash=sha256:{'0' * 64}", ""], ids=["another", "none"])
def test_a_library_that_is_not_the_locked_one_is_refused(tree: Checkout, hashes: str) -> None:
    (tree.root / "requirements.txt").write_text(f"tiny==1.0{hashes}\n")
    ends_in_one_line(tree, HERE, "pip could not fetch", "infra_bash/lock.sh")


def test_a_compiler_that_fails_is_named(tree: Checkout) -> None:
    program = tree.python_on_the_path(f"python{ELSEWHERE}", "echo cannot >&2; exit 1")
    ends_in_one_line(tree, ELSEWHERE, f"{program} could not compile", "first on the PATH")


def test_a_place_that_cannot_be_written_is_named(tree: Checkout) -> None:
    tree.cache.write_text("a file")
    ends_in_one_line(tree, HERE, "could not be built", str(tree.cache))


def test_a_build_that_is_ended_leaves_nothing_half_made(tree: Checkout) -> None:
    tree.python_on_the_path(f"python{ELSEWHERE}", f"touch {tree.root}/compiling; exec sleep 60")
    command, environment = tree.command(ELSEWHERE, "layer", str(tree.cache), "code.zip")
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as building:
        while not (tree.root / "compiling").exists():
            assert building.poll() is None
            time.sleep(0.02)
        building.terminate()
    assert building.returncode == 143
    assert not list(tree.cache.iterdir())


def test_more_than_lambda_takes_is_refused_with_both_sizes() -> None:
    package.refuse_too_large(package.MAX_BYTES)
    with pytest.raises(layer.NotBuilt, match=r"are 300 MB unzipped, and Lambda takes 250: "):
        package.refuse_too_large(300 * 1024**2)


def test_the_uploaded_catalogue_names_the_kind_of_each_column() -> None:
    body = json.loads(catalogue()[catalogue_key("payment", TABLES["payment"].fingerprint)])
    kinds = {column["name"]: column["kind"] for column in body["columns"]}
    assert (kinds["payment_id"], kinds["payment_amount"], kinds["paid"]) == ("integer", "money", "boolean")
