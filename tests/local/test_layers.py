"""What MiniStack unpacks for each process of a function is unpacked once, and is the archive's all the same."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.layers import unpacked_once

pytestmark = pytest.mark.fast

FILES = {"python/a.py": b"a" * 60, "python/b/c.so": b"c" * 60}


def archive(place: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return place


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def opened(tmp_path: Path) -> Any:
    return unpacked_once(tmp_path / "layers", large=100)


def test_a_layer_is_unpacked_once(tmp_path: Path, opened: Any) -> None:
    place = archive(tmp_path / "layer.zip", FILES)
    for number in (1, 2):
        with opened(place) as layer:
            layer.extractall(tmp_path / f"function-{number}/layer_0")
    first, second = (tmp_path / f"function-{number}/layer_0" for number in (1, 2))
    assert content(first) == content(second) == FILES
    assert all((first / name).samefile(second / name) for name in FILES)
    assert not (first / "python/a.py").stat().st_mode & 0o222


def test_the_copy_of_the_archive_that_ministack_leaves_is_deleted(tmp_path: Path, opened: Any) -> None:
    process = tmp_path / "function-1"
    process.mkdir()
    for files, name in ((FILES, "layer_0"), ({"handler.py": b"1"}, "code")):
        with opened(archive(process / f"{name}.zip", files)) as content_of:
            content_of.extractall(process / name)
        assert content(process / name) == files
    assert [file.name for file in process.glob("*.zip")] == ["code.zip"]


def test_another_layer_of_the_same_names_is_another(tmp_path: Path, opened: Any) -> None:
    for number, files in enumerate((FILES, FILES | {"python/a.py": b"A" * 60})):
        with opened(archive(tmp_path / f"{number}.zip", files)) as layer:
            layer.extractall(tmp_path / str(number))
        assert content(tmp_path / str(number)) == files


def test_a_function_s_own_code_is_its_own(tmp_path: Path, opened: Any) -> None:
    place = archive(tmp_path / "code.zip", {"handler.py": b"1"})
    for number in (1, 2):
        with opened(place) as code:
            code.extractall(tmp_path / str(number))
    assert not (tmp_path / "1/handler.py").samefile(tmp_path / "2/handler.py")
