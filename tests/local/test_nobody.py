"""What `nobody`, as whom root's servers run, can make of root's next step: nothing.

`nobody` owns the servers' data and may put links there. Each test plants them and lets root do all that it does.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import folders
from local.errors import LocalError
from local.ministack import Ministack
from local.postgres import Server
from local.slack_process import SlackProcess
from tests.local.nobody import as_nobody

CONTENT = "17\nroot's own\n"


@pytest.fixture
def home() -> Iterator[Path]:
    with folders.temporary_home() as folder:
        yield folder


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A folder of root's with a file; both are as before when all is over."""
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    file = folder / "file"
    folders.write_private(file, CONTENT)
    before = [(path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime_ns) for path in (folder, file)]
    yield folder
    assert [path.name for path in folder.iterdir()] == ["file"] and file.read_text() == CONTENT
    assert [(path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime_ns) for path in (folder, file)] == before


def plant(link: Path, target: Path) -> None:
    """In place of what is there, however little of it may be deleted."""

    def do() -> None:
        if link.exists() or link.is_symlink():
            link.rename(link.with_name(f"{link.name}.old"))
        link.symlink_to(target)

    as_nobody(do)


def test_postgres(home: Path, kept: Path) -> None:
    server = Server(home / "postgres")
    server.start()
    data = server.home / "data"
    with pytest.raises(PermissionError):
        plant(data, kept)
    with pytest.raises(PermissionError):
        plant(server.home / "log", kept / "file")
    plant(data / "postmaster.pid", kept / "file")
    assert not server.running  # what it is, is not even read
    as_nobody(lambda: (data / "postmaster.pid.old").rename(data / "postmaster.pid"))
    assert server.running
    plant(data / "totestream.conf", kept / "file")
    with pytest.raises(LocalError, match=r"totestream\.conf was not written"):
        server.restart()
    (data / "totestream.conf").unlink()
    plant(data / "postmaster.pid", kept / "file")
    server.start()
    plant(data / "base/kept", kept)
    server.remove()


def test_a_pipe_does_not_make_root_wait(home: Path) -> None:
    server = Server(home / "postgres")
    folders.make_home(server.home, folders.server_user())
    folders.make_server_folder(server.home / "data", folders.server_user())
    as_nobody(lambda: os.mkfifo(server.home / "data/postmaster.pid"))
    assert not server.running


def test_the_emulator(home: Path, kept: Path) -> None:
    server = Ministack(home / "ministack")
    server.start()
    for name in ("data", "tmp", "pid", "keys.json", "port", "log"):
        with pytest.raises(PermissionError):
            plant(server.home / name, kept)
    for folder in ("data", "tmp"):
        plant(server.home / folder / "link", kept)
    for name in ("state", "s3"):
        plant(server.home / "data" / name, kept)
    server.stop()
    server.start()
    assert not (server.home / "tmp/link").is_symlink()
    server.stop()


def test_the_stand_in_for_slack(home: Path, kept: Path) -> None:
    slack = SlackProcess(home / "slack")
    slack.start()
    plant(slack.messages, kept / "file")
    slack.stop()
    slack.start()
    assert stat.S_IMODE((slack.home / "slack-path").stat().st_mode) == 0o600
    slack.stop()


@pytest.mark.fast
def test_who_is_first_in_a_folder_of_all_has_nothing_of_it(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = folders.server_user()
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.mkdir()
    link.symlink_to(kept)
    for theirs in (taken, link):
        folders.give_to_server_user(theirs, user)
    for refused in (folders.make_stack_folder, lambda folder: folders.make_home(folder, user)):
        with pytest.raises(LocalError, match="another user"):
            refused(taken)
    with pytest.raises(LocalError, match="another user"):
        folders.make_home(link, user)
    for theirs in (link, taken):
        monkeypatch.setenv("TOTESTREAM_LOCAL", str(theirs))
        with pytest.raises(LocalError, match="another user; run this as that user"):
            folders.stack_folder()


@pytest.mark.fast
def test_only_a_file_is_read(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "link").symlink_to(kept / "file")
    os.mkfifo(tmp_path / "pipe")
    assert [folders.read_server_file(tmp_path / name) for name in ("link", "pipe", "kept", "absent")] == [
        "",
        "",
        "",
        "",
    ]
    assert folders.read_server_file(kept / "file") == CONTENT


@pytest.mark.fast
def test_a_folder_that_others_may_write_in_is_no_stacks(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folders.make_stack_folder(folder)
    folder.chmod(0o777)
    with pytest.raises(LocalError, match="others may write"):
        folders.make_stack_folder(folder)


@pytest.mark.fast
def test_what_is_written_goes_through_no_link_and_is_for_its_owner(tmp_path: Path, kept: Path) -> None:
    umask = os.umask(0)
    try:
        file, log = tmp_path / "file", tmp_path / "log"
        for link in (tmp_path / "file.new", log):
            link.symlink_to(kept / "file")
        folders.write_private(file, "ours")
        with pytest.raises(OSError, match="symbolic links"):
            folders.open_log(log)
        log.unlink()
        log.touch(mode=0o644)
        folders.open_log(log).close()
        folders.make_stack_folder(tmp_path / "stack")
        made = [file, log, *(tmp_path / "stack").iterdir()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
        assert stat.S_IMODE((tmp_path / "stack").stat().st_mode) == 0o700
    finally:
        os.umask(umask)
