"""The reader of PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.catalogue import POSTGRESQL
from shared.postgres.connection import Connection
from shared.source.readers.postgres.session import PostgresSession


@dataclass(frozen=True)
class PostgresReader:
    """Reads one PostgreSQL database through `connect`."""

    connect: Callable[[], Connection]
    name: str = POSTGRESQL

    @contextmanager
    def open(self) -> Iterator[PostgresSession]:
        with self.connect() as connection:
            yield PostgresSession(connection)
