"""The login that inspect reads with: made and granted with the owner's login, and kept in a secret of its own.

Its password is made here, and PostgreSQL is sent no more than a verifier of it: the server's log, which may hold every
statement, never has it. Where the owner may make no login the secret holds the loader's, and inspect's session, which
is read-only in either case, is all that keeps it from writing.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.aws.secrets import Login
from shared.errors import ServiceRefused
from shared.load.migrate import PREVIEW, migrate, wants_everything
from shared.load.migration import Reader, Report
from shared.postgres.connection import Connection
from shared.postgres.scram import verifier

PASSWORD_BYTES = 32


@dataclass(frozen=True)
class ReaderSecret:
    """The secret of the reader's login: what it holds, None where that is no login, and how it is told another."""

    login: Login | None
    put: Callable[[Login], None]


# Opens a connection of a login and closes it. Raises ServiceRefused when the database does not take it.
Try = Callable[[Login], None]


def migrate_with_reader(
    connection: Connection,
    schema: str,
    loader: Login,
    event: Mapping[str, object],
    name: str,
    kept: ReaderSecret,
    attempt: Try,
) -> Report:
    """migrate(), and the login `name` that may read all it makes. What a person has put into the secret stays."""
    if not wants_everything(event):
        return migrate(connection, schema, loader.username, event)
    there = kept.login
    if there and there.username not in (name, loader.username):
        report = migrate(connection, schema, loader.username, event, reader=Reader(there.username))
        if problem := report.not_readable or _problem(there, attempt):
            report.said.append(f"inspect reads as {there.username}, as the secret has it: {problem}")
        return report
    if there and there.username == name and _is_at(loader, there) and not _problem(there, attempt):
        login, reader = there, Reader(name)
    else:
        login = Login(loader.host, loader.port, loader.dbname, name, secrets.token_urlsafe(PASSWORD_BYTES))
        reader = Reader(name, verifier(login.password, secrets.token_bytes(16)))
    report = migrate(connection, schema, loader.username, event, reader=reader)
    is_preview = event == PREVIEW
    problem = report.not_readable or ("" if is_preview else _problem(login, attempt))
    if problem:
        login = loader
        report.said.append(f"inspect reads with the loader's login, in a read-only session: {problem}; {WAY_OUT}")
    if login != there and not is_preview:
        kept.put(login)
    return report


WAY_OUT = "the way out: give the owner's login CREATEROLE, or put a reader's login into WAREHOUSE_READER_SECRET"


def _is_at(loader: Login, login: Login) -> bool:
    return (login.host, login.port, login.dbname) == (loader.host, loader.port, loader.dbname)


def _problem(login: Login, attempt: Try) -> str:
    """Why the database does not take it; nothing when it does."""
    try:
        attempt(login)
    except ServiceRefused as error:
        return str(error)
    return ""
