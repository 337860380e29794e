"""One connection to PostgreSQL: TLS verified, every wait bounded, errors translated without a row's values."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from shared.aws.secrets import Login
from shared.errors import ServiceRefused, ServiceUnavailable

T = TypeVar("T")

CONNECT_S = 10
# SQLSTATE classes and codes after which the same work can succeed: connection lost, rolled back for another
# transaction, too many connections, lock timeout, cancelled or shut down, I/O error, idle timeout.
TRANSIENT = ("08", "40", "53", "55P03", "57", "58", "25P03")
# Only these classes' messages are names and never values: connecting, undefined or forbidden objects.
TELLING = ("08", "28", "3D", "3F", "42", "53", "55", "57")


# A function that was killed can leave its session, and so its advisory lock, on the server: it is found out after
# a minute of silence. Client and server are never idle that long without a keepalive's answer.
KEEPALIVES = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"


class Sink(Protocol):
    def write(self, data: bytes) -> object: ...


def quoted(name: str) -> str:
    """The one way an identifier gets into SQL."""
    return str(pg8000.native.identifier(name))


def literal(text: str) -> str:
    """A text literal, where PostgreSQL takes no bind parameter (COPY, DDL)."""
    return str(pg8000.native.literal(text))


class Connection:
    """A pg8000 connection; `database` names it in errors: "source" or "warehouse"."""

    def __init__(self, database: str, native: pg8000.native.Connection) -> None:
        self.database = database
        self._native = native

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        """The rows of one statement with :name parameters, or of several statements without any."""
        return self._translated(lambda: self._native.run(sql, **params) or [])

    def one(self, sql: str, **params: object) -> list[Any]:
        return self.run(sql, **params)[0]

    def run_counted(self, sql: str, **params: object) -> int:
        """Run one statement; the number of rows that it inserted, updated or deleted."""
        self.run(sql, **params)
        return max(int(self._native.row_count), 0)

    def copy_out(self, sql: str, sink: Sink) -> None:
        """COPY … TO STDOUT: each row's bytes to `sink`. The connection is closed if `sink` raises."""
        self._translated(lambda: self._native.run(sql, stream=sink))

    def copy_in(self, sql: str, blocks: Iterable[bytes]) -> int:
        """COPY … FROM STDIN; rows copied. The connection is closed if `blocks` raises."""
        self._translated(lambda: self._native.run(sql, stream=blocks))
        return int(self._native.row_count)

    def close(self) -> None:
        try:
            self._native.close()
        except (InterfaceError, OSError, struct.error):
            # The server has hung up first: closed is closed.
            return

    def _translated(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (DatabaseError, InterfaceError, OSError, struct.error) as error:
            raise translated(self.database, "a statement", error) from error
        except Exception:
            # The server's answer was not read to its end: the next statement would take the rest for its own.
            self.close()
            raise


def translated(database: str, doing: str, error: Exception) -> ServiceRefused | ServiceUnavailable:
    """pg8000's error as ours. Its text holds rows' values, so only SQLSTATE and names are taken over."""
    if not isinstance(error, DatabaseError) or not isinstance(error.args[0], dict):
        # pg8000 wraps what the network said: a name nobody knows, nobody there, no answer.
        return ServiceUnavailable(database, doing, type(error.__cause__ or error).__name__)
    facts = error.args[0]
    state = str(facts.get("C", "XX000"))
    names = [facts[field] for field in ("t", "c", "n") if field in facts]
    message = facts.get("M", "") if state.startswith(TELLING) else ""
    said = " ".join(["SQLSTATE " + state, *names, message]).strip()
    refused = ServiceRefused(database, doing, said, fix_of(state))
    failed = ServiceUnavailable(database, doing, said) if state.startswith(TRANSIENT) else refused
    failed.cause = state
    return failed


def fix_of(state: str) -> str:
    if state.startswith("28"):
        return "mend the login in its secret (deploy.sh --put-secrets)"
    if state.startswith("3D"):
        return "the secret's dbname is not a database of this server"
    if state == "42501":
        return "grant this login the right it lacks"
    return "compare the database with what deploy.sh expects of it"


def connect(database: str, login: Login, *, ca: str, plaintext: bool, timeout_s: float, schema: str = "") -> Connection:
    """Raises ServiceUnavailable when nobody answers, ServiceRefused when the login is refused.

    `timeout_s` bounds every later wait for the server; `ca` is a file with the certificates to trust beside
    the system's; `schema` is where names are looked up. Without `plaintext` the server must prove who it is.
    """
    doing = f"connecting to {login.host}:{login.port}/{login.dbname} as {login.username}"
    try:
        native = pg8000.native.Connection(
            login.username,
            host=login.host,
            port=login.port,
            database=login.dbname,
            password=login.password,
            ssl_context=False if plaintext else tls(ca),
            timeout=CONNECT_S,
            application_name="totestream",
        )
    except (DatabaseError, InterfaceError, OSError, struct.error) as error:
        raise translated(database, doing, error) from error
    native._usock.settimeout(timeout_s)
    # pg8000 sends COPY in small pieces: with Nagle's algorithm each COPY waits 40 ms for an acknowledgement.
    native._usock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = Connection(database, native)
    connection.run(KEEPALIVES)
    if schema:
        connection.run(f"SET search_path TO {quoted(schema)}")
    return connection


def tls(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
