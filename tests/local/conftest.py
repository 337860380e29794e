"""A throw-away server, made once; each test that asks for `source` finds the same small source in it."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from pg8000.native import Connection, identifier

from local import loading, logins
from local.generator import Recipe, csv_texts
from local.postgres import Server, throw_away
from local.tables import COLUMNS


@pytest.fixture(scope="session")
def small() -> Recipe:
    """What `source` is made of."""
    return Recipe(orders=100, seed=7, today=date(2025, 3, 12))


@pytest.fixture(scope="session")
def local_server() -> Iterator[Server]:
    with throw_away() as server:
        yield server


@pytest.fixture(scope="session")
def local_passwords(local_server: Server) -> dict[str, str]:
    """The logins' passwords, once the databases are there."""
    passwords = logins.new_passwords()
    logins.prepare(local_server, passwords)
    return passwords


@pytest.fixture
def connect(local_server: Server, local_passwords: dict[str, str]) -> Iterator[Callable[[str], Connection]]:
    """Connect with a login; all is closed at the end."""
    opened: list[Connection] = []

    def connect_as(login: str) -> Connection:
        opened.append(logins.connect(local_server, local_passwords, login))
        return opened[-1]

    yield connect_as
    for connection in opened:
        connection.close()


@pytest.fixture
def empty_source(connect: Callable[[str], Connection]) -> Connection:
    """The source as its application sees it before the first row."""
    owner = connect(logins.SOURCE_OWNER)
    owner.run(f"TRUNCATE {', '.join(map(identifier, COLUMNS))} RESTART IDENTITY")
    owner.run(f"COMMENT ON DATABASE {logins.SOURCE} IS NULL")
    return owner


@pytest.fixture
def source(empty_source: Connection, small: Recipe) -> Connection:
    """The source as its application sees it, with rows."""
    loading.load(empty_source, csv_texts(small), {"kind": "generator"})
    return empty_source
