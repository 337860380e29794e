"""A real PgBouncer between us and both databases: in session mode all works, in the other two it is refused."""

import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from conftest import Database
from local import folders, ports
from shared.aws.bucket import S3Bucket
from shared.aws.secrets import Login
from shared.errors import ServiceRefused
from tests.road.road import Road

pytestmark = pytest.mark.soak

# What Debian's package needs and a small machine may lack.
PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PgBouncer as it is installed, else unpacked from Debian's package, which needs no root."""
    installed = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if installed:
        return Path(installed)
    folder = tmp_path_factory.mktemp("pgbouncer")
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder / "usr/sbin/pgbouncer"


@dataclass(frozen=True)
class Pooled(Database):
    """A database that is reached through PgBouncer."""

    pool_port: int = 0

    def login(self, name: str = "") -> Login:
        return msgspec.structs.replace(super().login(name), port=self.pool_port)


Start = Callable[..., int]


@pytest.fixture
def start(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start PgBouncer in a mode before these databases; its port."""
    with ExitStack() as running:

        def start(mode: str, *databases: Database, size: int = 5, waits_s: int = 120, extra: str = "") -> int:
            folder = Path(tempfile.mkdtemp(prefix="pgbouncer-", dir="/var/tmp"))
            running.callback(shutil.rmtree, folder)
            port = ports.pick()
            lines = ["[databases]"]
            for it in databases:
                login = it.login()
                lines.append(
                    f"{it.name} = host=127.0.0.1 port={it.server.port} user={login.username} password={login.password}"
                )
            lines += [
                "[pgbouncer]",
                *("listen_addr = 127.0.0.1", f"listen_port = {port}", "unix_socket_dir =", "auth_type = any"),
                *(f"pool_mode = {mode}", f"default_pool_size = {size}", f"query_wait_timeout = {waits_s}", extra),
            ]
            (folder / "ini").write_text("\n".join(lines) + "\n")
            user = folders.server_user()
            for path in (folder, folder / "ini"):
                if user:
                    os.chown(path, user.pw_uid, user.pw_gid)
            libraries = {"LD_LIBRARY_PATH": str(program.parents[1] / "lib/x86_64-linux-gnu")}
            process = subprocess.Popen(
                [program, "-q", folder / "ini"],
                env=os.environ | libraries,
                user=user.pw_uid if user else None,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            running.callback(process.wait)
            running.callback(process.terminate)
            while not ports.is_open(port):
                assert process.poll() is None
                time.sleep(0.02)
            return port

        yield start


def through(database: Database, port: int) -> Pooled:
    fields = {field.name: getattr(database, field.name) for field in dataclasses.fields(database)}
    return Pooled(**fields, pool_port=port)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
@pytest.mark.parametrize("extra", ["", "server_round_robin = 1", "server_reset_query_always = 1"])
@pytest.mark.parametrize("size", [1, 3])
def test_the_other_modes_are_refused_and_leave_nothing_behind(
    mode: str, size: int, extra: str, trading: Database, warehouse: Database, start: Start
) -> None:
    port = start(mode, trading, warehouse, size=size, extra=extra)
    for database in (trading, warehouse):
        with pytest.raises(ServiceRefused, match="a pooler in transaction mode answers.*pool_mode = session"):
            through(database, port).connect()
        with through(database, port).server.superuser(database.name) as admin:
            assert admin.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [[0]]


@pytest.mark.parametrize("size", [2, 5])
def test_in_session_mode_all_works(
    size: int,
    trading: Database,
    warehouse: Database,
    ingestion: S3Bucket,
    processed: S3Bucket,
    start: Start,
) -> None:
    Road(trading, warehouse, ingestion, processed).migrate()
    port = start("session", trading, warehouse, size=size)
    road = Road(through(trading, port), through(warehouse, port), ingestion, processed)
    for day in range(3):
        road.source.run("UPDATE payment SET payment_amount = payment_amount + :day", day=day)
        road.extract()
        road.deliver()
        road.load()
    assert road.differences() == {}


def test_in_session_mode_one_process_is_enough_for_a_session(trading: Database, start: Start) -> None:
    port = start("session", trading, size=1)
    for _ in range(2):
        with through(trading, port).connect() as connection:
            assert connection.one("SELECT pg_try_advisory_lock(7)") == [True]
