"""One connection to PostgreSQL: TLS verified, every wait bounded, errors translated without a row's values."""

import ssl
import struct
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from shared.aws.secrets import Login
from shared.errors import BadSetting, ServiceRefused
from shared.postgres import pooler
from shared.postgres.dial import dial
from shared.postgres.errors import NotPostgreSQL, not_connected, translated
from shared.postgres.native import Native
from shared.postgres.session import CHECK_SESSION, OWN_NAMES, begin_session, forbidden

T = TypeVar("T")

CONNECT_S = 10
# A pool without a second free process makes its caller wait for minutes.
SECOND_SESSION_S = 2


class Sink(Protocol):
    def write(self, data: bytes) -> object: ...


def quoted(name: str) -> str:
    """Return an identifier for SQL. Every identifier goes through here."""
    return str(pg8000.native.identifier(name))


def literal(text: str) -> str:
    """Return a text literal, for statements that take no bind parameters (COPY, DDL)."""
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

    @property
    def encoding(self) -> str:
        """Return the encoding of the database's texts, by PostgreSQL's name."""
        return str(self._native.parameter_statuses.get("server_encoding", "UTF8"))

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        """Return the rows of one statement with :name parameters, or of several statements without parameters."""
        return self._translated(lambda: self._native.run(sql, **params) or [])

    def one(self, sql: str, **params: object) -> list[Any]:
        """Return the first row."""
        return self.run(sql, **params)[0]

    def run_counted(self, sql: str, **params: object) -> int:
        """Return how many rows one statement inserted, updated or deleted."""
        self.run(sql, **params)
        return max(int(self._native.row_count), 0)

    def copy_out(self, sql: str, sink: Sink) -> None:
        """Run COPY … TO STDOUT: write each row's bytes to `sink`. The connection is closed if `sink` raises."""
        self._translated(lambda: self._native.run(sql, stream=sink))

    def copy_in(self, sql: str, blocks: Iterable[bytes]) -> int:
        """Run COPY … FROM STDIN and return the rows copied. The connection is closed if `blocks` raises."""
        self._translated(lambda: self._native.run(sql, stream=blocks))
        return int(self._native.row_count)

    def close(self) -> None:
        try:
            self._native.close()
        except (InterfaceError, OSError, struct.error):
            # The server has closed it already.
            return

    def _translated(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except UnicodeDecodeError as error:
            # The rest of the answer is still unread: the next statement would take it for its own.
            self.close()
            raise translated(self.database, "a statement", error) from error
        except (DatabaseError, InterfaceError, OSError, struct.error) as error:
            raise translated(self.database, "a statement", error) from error
        except Exception:
            # The rest of the answer is still unread: the next statement would take it for its own.
            self.close()
            raise


def connect(
    database: str,
    login: Login,
    *,
    ca: str,
    plaintext: bool,
    timeout_s: float,
    schema: str = "",
    read_only: bool = False,
) -> Connection:
    """Return a connection whose session is set up.

    `timeout_s` limits every later wait for the server; `ca` is as in tls(); `schema` is where names are looked up;
    `read_only` makes each transaction read-only. Without `plaintext` the server must present a valid certificate.
    Raises ServiceUnavailable when nothing answers, ServiceRefused when a person must correct something.
    """
    doing = f"connecting to {login.host}:{login.port}/{login.dbname} as {login.username}"
    if login.problem:
        raise ServiceRefused(database, doing, login.problem, "correct the secret (deploy.sh --put-secrets)")
    context = None if plaintext else tls(ca)
    connection = _opened(database, login, context, doing, timeout_s)
    try:
        _refuse_shared_processes(connection, doing, lambda: _opened(database, login, context, doing, SECOND_SESSION_S))
        _begin_session(connection, doing, schema, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(database: str, login: Login, context: ssl.SSLContext | None, doing: str, timeout_s: float) -> Connection:
    try:
        line = dial(login.host, login.port, context, min(CONNECT_S, timeout_s))
    except Exception as error:
        raise not_connected(database, doing, error) from error
    try:
        native = Native(line, user=login.username, password=login.password, database=login.dbname)
        line.settimeout(timeout_s)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        # What pg8000 raises when the other side speaks another protocol.
        line.close()
        raise not_connected(database, doing, NotPostgreSQL()) from error
    except Exception as error:
        line.close()
        raise not_connected(database, doing, error) from error
    return Connection(database, native)


def _refuse_shared_processes(connection: Connection, doing: str, open_another: Callable[[], Connection]) -> None:
    if not pooler.has_own_process(connection, connection._native.announced_process, open_another):
        raise ServiceRefused(connection.database, doing, pooler.REFUSED, pooler.FIX)


def _begin_session(connection: Connection, doing: str, schema: str, read_only: bool) -> None:
    path = quoted(schema) if schema else OWN_NAMES
    connection.run(begin_session(connection.database, connection.encoding, path, read_only=read_only))
    problems = forbidden(connection.run(CHECK_SESSION))
    if problems:
        fix = "a superuser has set this for the login or the database: ALTER ROLE … RESET, or ALTER DATABASE … RESET"
        raise ServiceRefused(connection.database, doing, ", ".join(problems), fix)


def tls(ca: str) -> ssl.SSLContext:
    """Return a context that verifies servers by the authorities in the file `ca`, or by the system's when it is "".

    Raises BadSetting when `ca` names no file of certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except (OSError, ValueError):
        raise BadSetting("DATABASE_CA", "names no file of certificates (PEM)", "correct it and run deploy.sh") from None
    # The same for every Python. VERIFY_X509_STRICT, on since 3.13, refuses an authority without key usage, as made by
    # `openssl req -x509` and PostgreSQL's manual. PARTIAL_CHAIN lets `ca` be an intermediate authority's.
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    # Names are in subjectAltName (RFC 9525). Authorities often do not check the CN.
    context.hostname_checks_common_name = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
