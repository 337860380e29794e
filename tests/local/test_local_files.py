"""The files a stack writes: settings that keep a person's choices, secrets for one pair of eyes, folders."""

import json
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from local import folders, logins, ports, processes, settings
from local.errors import LocalError

pytestmark = pytest.mark.fast

FACTS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "test"}


def test_settings_can_be_sourced_by_bash(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    settings.write_settings(file, FACTS)
    script = f'set -eu; . {shlex.quote(str(file))}; printf %s "$WAREHOUSE_SCHEMA|$AWS_ENDPOINT_URL|$SLACK_SECRET"'
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "project_team_1|http://127.0.0.1:1|totestream-local-slack"
    assert settings.read(file)["WAREHOUSE_SCHEMA"] == "project_team_1"


def test_what_a_person_changed_is_kept_and_facts_are_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    file.write_text("# mine\nSTAGE=try # a word\nexport EXTRA='a b'\nAWS_ENDPOINT_URL=http://old\n")
    settings.write_settings(file, FACTS)
    now = settings.read(file)
    assert file.read_text().startswith("# mine\n")
    assert (now["STAGE"], now["EXTRA"], now["AWS_ENDPOINT_URL"]) == ("try", "a b", "http://127.0.0.1:1")
    assert now["PROJECT"] == "totestream"


def test_writing_settings_twice_is_writing_them_once(tmp_path: Path) -> None:
    file = tmp_path / "settings.env"
    settings.write_settings(file, FACTS)
    once = settings.read(file)
    settings.write_settings(file, FACTS)
    assert settings.read(file) == once


def test_secrets_are_json_and_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    settings.write_secrets(file, 5432, logins.new_passwords(), "http://127.0.0.1:1/services/x")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(settings.read(file)["SLACK_SECRET_VALUE"]) == {"url": "http://127.0.0.1:1/services/x"}
    source = json.loads(settings.read(file)["SOURCE_SECRET_VALUE"])
    assert source.keys() == {"host", "port", "dbname", "username", "password"}
    assert (source["username"], source["dbname"], source["port"]) == ("totestream_extract", "totesys", 5432)


@pytest.mark.parametrize(("machine", "word"), [("x86_64", "x86_64"), ("aarch64", "arm64"), ("arm64", "arm64")])
def test_processors_have_the_names_of_aws(machine: str, word: str) -> None:
    assert settings.architecture(machine) == word


def test_a_folder_with_other_things_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(LocalError, match="holds other things"):
        folders.make_stack_folder(tmp_path)
    with pytest.raises(LocalError, match="left alone"):
        folders.delete_stack_folder(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_stack_folder_is_deleted_and_twice_is_once(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folders.make_stack_folder(folder)
    folders.make_stack_folder(folder)
    folders.delete_stack_folder(folder)
    folders.delete_stack_folder(folder)
    assert not folder.exists()


def test_where_its_servers_live_is_decided_once_and_a_copy_decides_anew(tmp_path: Path) -> None:
    first, moved, copied = (tmp_path / name for name in ("first", "moved", "copied"))
    folders.make_stack_folder(first)
    place = folders.servers_folder(first)
    first.rename(moved)
    shutil.copytree(moved, copied)
    folders.make_stack_folder(moved)
    folders.make_stack_folder(copied)
    folders.make_stack_folder(first)
    if folders.server_user():  # root's servers live elsewhere
        assert folders.servers_folder(moved) == place
        assert len({folders.servers_folder(folder) for folder in (first, moved, copied)}) == 3
    else:
        assert [folders.servers_folder(folder) for folder in (first, moved, copied)] == [first, moved, copied]


def test_a_line_that_bash_cannot_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.env").write_text("STAGE='try\n")
    with pytest.raises(
        LocalError, match=r"settings\.env has a line that bash cannot read either: No closing quotation"
    ):
        settings.read(tmp_path / "settings.env")


def test_a_port_is_picked_once_and_refused_when_another_took_it(tmp_path: Path) -> None:
    port = ports.kept(tmp_path / "port")
    assert ports.kept(tmp_path / "port") == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(LocalError, match=f"port {port}, kept for PostgreSQL, is in use"):
            ports.require_free(port, "PostgreSQL")


@pytest.mark.parametrize("content", ["", "nonsense\n", "1\n"])
def test_a_pid_file_of_somebody_else_counts_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)
    assert processes.running_pid(tmp_path / "pid", f"-X totestream={tmp_path}") is None
