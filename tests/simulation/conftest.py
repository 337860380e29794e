"""A small source and an empty warehouse with its tables, copied for each seed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count

import pytest

from conftest import Database
from local import loading, logins
from local.generator import Recipe, csv_texts
from local.postgres import Server, throw_away
from tests.simulation.databases import Host
from tests.simulation.simulation import Simulation
from tests.simulation.stack import Place

RECIPE = Recipe(orders=12, seed=5, today=date(2026, 3, 2))
NUMBERS = count(1)

Simulate = Callable[..., AbstractContextManager[Simulation]]
"""Of a seed, and of which kind of story."""


# What is written when, the simulation alone decides: no clock (a replica's needs are noted each 15 s) and no shortage.
CRASHING = {
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "bgwriter_lru_maxpages": "0",
    "shared_buffers": "128MB",
    "wal_buffers": "16MB",
}


@dataclass(frozen=True)
class Template:
    """A database that is copied for each seed, where, and whose."""

    host: Host
    server: Server
    name: str
    owner: str
    login: str

    @contextmanager
    def copied(self, passwords: dict[str, str]) -> Iterator[Database]:
        name = f"{self.name}_{next(NUMBERS)}"
        self.host.run(f"CREATE DATABASE {name} TEMPLATE {self.name} OWNER {self.owner} STRATEGY FILE_COPY")
        self.host.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {self.login}")
        try:
            database = Database(self.server, name, self.owner, self.login, passwords)
            with database.opened:
                yield database
        finally:
            for (prepared,) in self.host.run("SELECT gid FROM pg_prepared_xacts WHERE database = :name", name=name):
                with self.server.superuser(name) as admin:
                    admin.run(f"ROLLBACK PREPARED '{prepared}'")
            self.host.run(f"DROP DATABASE {name} WITH (FORCE)")


def made(server: Server, name: str, template: str, owner: str, login: str) -> Template:
    host = Host(server)
    host.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}")
    return Template(host, server, name, owner, login)


@pytest.fixture(scope="session")
def source(passwords: dict[str, str]) -> Iterator[Template]:
    """With a little trade, on a server that may crash."""
    with throw_away(CRASHING) as server:
        logins.prepare(server, passwords)
        template = made(server, "simulated_totesys", logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT)
        owner = server.connect(logins.SOURCE_OWNER, passwords[logins.SOURCE_OWNER], template.name)
        loading.load(owner, csv_texts(RECIPE), {"kind": "generator"})
        owner.close()
        yield template
        template.host.close()


@pytest.fixture(scope="session")
def tables(server: Server, with_tables: str) -> Iterator[Template]:
    template = Template(Host(server), server, with_tables, logins.WAREHOUSE_OWNER, logins.LOAD)
    yield template
    template.host.close()


@pytest.fixture
def simulated(passwords: dict[str, str], source: Template, tables: Template) -> Simulate:
    @contextmanager
    def simulated(seed: int, story: type[Simulation] = Simulation) -> Iterator[Simulation]:
        with (
            source.copied(passwords) as totesys,
            tables.copied(passwords) as warehouse,
            source.host.without_wal_writer(),
        ):
            one = story(seed, Place(totesys, source.host), Place(warehouse, tables.host))
            try:
                yield one
            finally:
                one.world.end()

    return simulated
