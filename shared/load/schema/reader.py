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
from shared.load.schema.migrate import PREVIEW, migrate, wants_everything
from shared.load.schema.right_steps import Reader
from shared.load.schema.runner import Report
from shared.postgres.connection import Connection
from shared.postgres.scram import verifier

PASSWORD_BYTES = 32


@dataclass(frozen=True)
class ReaderSecret:
    """The secret of the reader's login: its content, None where that is no login, and how it is replaced."""

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
    """Migrate, and ensure the login `name`, which may read everything that is migrated. A login that a person put
    into the secret stays."""
    if not wants_everything(event):
        return migrate(connection, schema, loader.username, event)
    existing = kept.login
    if existing and existing.username not in (name, loader.username):
        report = migrate(connection, schema, loader.username, event, reader=Reader(existing.username))
        if problem := report.not_readable or _problem(existing, attempt):
            report.notes.append(f"inspect reads as {existing.username}, as the secret has it: {problem}")
        return report
    if existing and existing.username == name and _is_at(loader, existing) and not _problem(existing, attempt):
        login, reader = existing, Reader(name)
    else:
        login = Login(loader.host, loader.port, loader.dbname, name, secrets.token_urlsafe(PASSWORD_BYTES))
        reader = Reader(name, verifier(login.password, secrets.token_bytes(16)))
    report = migrate(connection, schema, loader.username, event, reader=reader)
    is_preview = event == PREVIEW
    problem = report.not_readable or ("" if is_preview else _problem(login, attempt))
    if problem:
        login = loader
        report.notes.append(f"inspect reads with the loader's login, in a read-only session: {problem}; {WAY_OUT}")
    if login != existing and not is_preview:
        kept.put(login)
    return report


WAY_OUT = "the way out: give the owner's login CREATEROLE, or put a reader's login into WAREHOUSE_READER_SECRET"


def _is_at(loader: Login, login: Login) -> bool:
    return (login.host, login.port, login.dbname) == (loader.host, loader.port, loader.dbname)


def _problem(login: Login, attempt: Try) -> str:
    """Return why the database does not accept the login; empty when it does."""
    try:
        attempt(login)
    except ServiceRefused as error:
        return str(error)
    return ""
