"""A road from one invented source to one empty warehouse, for each test its own."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conftest import NUMBERS, Database, made_bucket, made_from
from local import loading, logins, ticker
from local.generator import Recipe, csv_texts
from local.postgres import Server
from shared.aws.bucket import S3Bucket
from tests import loaded_cli
from tests.road.road import Road

TODAY = date(2026, 3, 2)
RECIPE = Recipe(orders=120, seed=7, today=TODAY)


@pytest.fixture(scope="session")
def traded(server: Server, passwords: dict[str, str]) -> Iterator[str]:
    """A database of 120 invented orders, made once and copied for each test."""
    template = "totesys_traded"
    with server.superuser() as admin:
        admin.run(f"CREATE DATABASE {template} TEMPLATE {logins.SOURCE} OWNER {logins.SOURCE_OWNER}")
    owner = server.connect(logins.SOURCE_OWNER, passwords[logins.SOURCE_OWNER], template)
    loading.load(owner, csv_texts(RECIPE), {"kind": "generator"})
    owner.close()
    yield template


@pytest.fixture
def trading(traded: str, server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    yield from made_from(server, traded, logins.SOURCE_OWNER, logins.EXTRACT, passwords)


@pytest.fixture
def road(trading: Database, migrated: Database, ingestion: S3Bucket, processed: S3Bucket) -> Road:
    return Road(trading, migrated, ingestion, processed)


NewRoad = Callable[[], AbstractContextManager[Road]]


@pytest.fixture
def new_road(traded: str, with_tables: str, server: Server, passwords: dict[str, str], aws: None) -> NewRoad:
    """For properties: each example its own road."""

    @contextmanager
    def new_road() -> Iterator[Road]:
        made_for = contextmanager(made_from)
        number = next(NUMBERS)
        with (
            made_for(server, traded, logins.SOURCE_OWNER, logins.EXTRACT, passwords) as trading,
            made_for(server, with_tables, logins.WAREHOUSE_OWNER, logins.LOAD, passwords) as warehouse,
        ):
            yield Road(trading, warehouse, made_bucket(f"ingestion-{number}"), made_bucket(f"processed-{number}"))

    return new_road


@pytest.fixture(scope="session")
def loaded_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The AWS CLI of .venv for TOTESTREAM_AWS, at a third of its cost."""
    with loaded_cli.loaded(tmp_path_factory.mktemp("aws")) as program:
        yield program


class Ticks:
    """The ticking source, by hand: each call is one change of the named kind."""

    def __init__(self, road: Road) -> None:
        self._road, self._dice = road, random.Random(11)
        self._now = datetime.combine(TODAY, datetime.min.time()) + timedelta(hours=9)

    def __call__(self, *kinds: str) -> None:
        for kind in kinds:
            self._now += timedelta(minutes=1)
            ticker.tick(self._road.source, self._dice, self._now, [kind])


@pytest.fixture
def tick(road: Road) -> Ticks:
    return Ticks(road)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What a test has recorded as its `summary`, at the end of all."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(str(value))
