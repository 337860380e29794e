"""The server itself: crashes are recovered from, remains of dead ones do not stop it."""

import pytest
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from local.postgres import Server, throw_away


def test_a_crash_keeps_what_was_committed_and_the_port() -> None:
    with throw_away({"fsync": "on", "full_page_writes": "on"}) as server:
        port, pid = server.port, server.pid
        with server.superuser() as admin:
            admin.run("CREATE TABLE kept AS SELECT 1 AS one")
        server.stop("immediate")
        assert not server.running
        leave_stale_pid(server)
        server.start()
        assert (server.port, server.running) == (port, True) and server.pid != pid
        with server.superuser() as admin:
            assert admin.run("SELECT one FROM kept") == [[1]]


def leave_stale_pid(server: Server) -> None:
    """The pid file of a dead server whose number now is somebody else's: ours, as good as any."""
    server.write("postmaster.pid", "1\n")


def test_starting_and_stopping_twice_is_once(local_server: Server) -> None:
    pid = local_server.pid
    local_server.start()
    assert local_server.pid == pid


def test_a_throw_away_server_leaves_nothing() -> None:
    with throw_away() as server:
        home = server.home
    assert not home.exists() and not server.running


def test_options_reach_the_server(local_server: Server) -> None:
    with local_server.superuser() as admin:
        assert setting(admin, "fsync") == "off"
        assert setting(admin, "timezone") == "UTC"


def setting(connection: Connection, name: str) -> str:
    [[value]] = connection.run("SELECT current_setting(:name)", name=name) or []
    return str(value)


def test_every_connection_needs_a_password(local_server: Server) -> None:
    with local_server.superuser() as admin:
        assert setting(admin, "unix_socket_directories") == ""
        assert setting(admin, "listen_addresses") == "127.0.0.1"
        assert admin.run("SELECT DISTINCT auth_method FROM pg_hba_file_rules") == [["scram-sha-256"]]
    for password in ("", "postgres", "test"):
        with pytest.raises(DatabaseError, match="28P01"):
            local_server.connect("postgres", password, "postgres")
