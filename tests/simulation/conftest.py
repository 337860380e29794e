"""A small source and an empty warehouse with its tables, copied for each seed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from itertools import count

import pytest
from pg8000.native import Connection as Native

from conftest import Database
from local import loading, logins
from local.generator import Recipe, csv_texts
from local.postgres import Server
from shared.load.migrate import migrate
from tests.road.road import SCHEMA
from tests.simulation.simulation import Simulation

RECIPE = Recipe(orders=12, seed=5, today=date(2026, 3, 2))
NUMBERS = count(1)

Simulate = Callable[[int], AbstractContextManager[Simulation]]


@pytest.fixture(scope="session")
def watcher(server: Server) -> Iterator[Native]:
    with server.superuser() as admin:
        yield admin


@pytest.fixture(scope="session")
def templates(server: Server, passwords: dict[str, str], watcher: Native) -> tuple[str, str]:
    """The names of a source with a little trade, and of a migrated warehouse."""
    source, warehouse = "simulated_totesys", "simulated_warehouse"
    for name, template, owner in (
        (source, logins.SOURCE, logins.SOURCE_OWNER),
        (warehouse, logins.WAREHOUSE, logins.WAREHOUSE_OWNER),
    ):
        watcher.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}")
        watcher.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {logins.EXTRACT}, {logins.LOAD}")
    owner = server.connect(logins.SOURCE_OWNER, passwords[logins.SOURCE_OWNER], source)
    loading.load(owner, csv_texts(RECIPE), {"kind": "generator"})
    owner.close()
    made = Database(server, warehouse, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)
    with made.connect(logins.WAREHOUSE_OWNER) as connection:
        migrate(connection, SCHEMA, logins.LOAD)
    return source, warehouse


@pytest.fixture
def simulated(server: Server, passwords: dict[str, str], watcher: Native, templates: tuple[str, str]) -> Simulate:
    @contextmanager
    def simulated(seed: int) -> Iterator[Simulation]:
        number = next(NUMBERS)
        source, warehouse = (f"{name}_{number}" for name in templates)
        for name, template, login in (
            (source, templates[0], logins.EXTRACT),
            (warehouse, templates[1], logins.LOAD),
        ):
            watcher.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
            watcher.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {login}")
        totesys = Database(server, source, logins.SOURCE_OWNER, logins.EXTRACT, passwords)
        there = Database(server, warehouse, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)
        watcher.run(f"ALTER DATABASE {source} OWNER TO {logins.SOURCE_OWNER}")
        watcher.run(f"GRANT CONNECT ON DATABASE {warehouse} TO {logins.WAREHOUSE_OWNER}")
        try:
            with totesys.opened, there.opened:
                yield Simulation(seed, totesys, there, watcher)
        finally:
            for name in (source, warehouse):
                for (prepared,) in watcher.run("SELECT gid FROM pg_prepared_xacts WHERE database = :name", name=name):
                    _roll_back(server, name, prepared)
                watcher.run(f"DROP DATABASE {name} WITH (FORCE)")

    return simulated


def _roll_back(server: Server, database: str, prepared: str) -> None:
    with server.superuser(database) as admin:
        admin.run(f"ROLLBACK PREPARED '{prepared}'")
