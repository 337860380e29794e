"""A source on a server of its own, which a test may crash, set back, copy and promote."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection as Native

from conftest import Database
from local import logins, processes
from local.postgres import Server
from tests.road.road import Road

NUMBERS = count(1)
RECOVERED_S = 30.0
"""Of a small server that recovers from a crash, or follows another: a second is usual."""


@contextmanager
def copied(server: Server) -> Iterator[Server]:
    """A copy of a stopped server, on a port of its own, not started."""
    assert not server.running
    home = server.home.with_name(f"{server.home.name}-{next(NUMBERS)}")
    subprocess.run(["cp", "-a", server.home, home], check=True)
    (home / "port").unlink()
    copy = Server(home, server.options, server.programs)
    try:
        yield copy
    finally:
        copy.remove()


@contextmanager
def source_on(server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    database = Database(server, logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT, passwords)
    with database.opened:
        yield database


def leave(road: Road) -> None:
    """Before its source goes away."""
    road.totesys.opened.close()


def arrive(road: Road, source: Database) -> None:
    """The road's source is there again, or is now this one."""
    road.totesys, road.source = source, source.owner()


def burn(owner: Native, ids: int) -> None:
    """Transaction ids that are given out, and rolled back."""
    owner.run(f"DO $$ BEGIN FOR i IN 1..{ids} LOOP PERFORM pg_current_xact_id(); ROLLBACK; END LOOP; END $$")


def wal_writer(server: Server) -> int:
    with server.superuser() as admin:
        return int(admin.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")[0][0])


def crash(server: Server, pid: int) -> None:
    """One of its processes is killed, so all end, and the server recovers without having been started anew."""
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: _is_back(server, pid), RECOVERED_S)


def _is_back(server: Server, killed: int) -> bool:
    try:
        return wal_writer(server) != killed
    except (DatabaseError, InterfaceError, OSError, IndexError):
        return False


def make_standby(copy: Server, primary: Server) -> None:
    """`copy` follows `primary`, with the superuser's login, from when it is started."""
    password = (primary.home / "superuser.password").read_text()
    followed = f"host=127.0.0.1 port={primary.port} user=postgres password={password}"
    copy.options["primary_conninfo"] = followed
    copy.write("standby.signal", "")


def wait_replayed(standby: Server, primary: Server) -> None:
    """Until the standby shows all that the primary has committed."""
    with primary.superuser() as admin:
        written = admin.run("SELECT CAST(pg_current_wal_flush_lsn() AS text)")[0][0]

    def is_there() -> bool:
        with standby.superuser() as admin:
            return bool(admin.run("SELECT pg_last_wal_replay_lsn() >= CAST(:lsn AS pg_lsn)", lsn=written)[0][0])

    assert processes.wait_until(is_there, RECOVERED_S)


def promote(standby: Server) -> None:
    with standby.superuser() as admin:
        assert admin.run("SELECT pg_promote()") == [[True]]
