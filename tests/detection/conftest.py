"""A small source on a server of its own, copied for each test that may break it."""

from collections.abc import Iterator

import pytest

from conftest import Database
from local import loading, logins
from local.generator import csv_texts
from local.postgres import Server, throw_away
from shared.aws.bucket import S3Bucket
from tests.detection.servers import copied, source_on
from tests.road.road import Road
from tests.simulation.conftest import RECIPE


@pytest.fixture(scope="session")
def cold(passwords: dict[str, str]) -> Iterator[Server]:
    """A stopped server that has a little trade in its source.

    Without fsync: here processes are killed, not the machine, and what was written to a file stays.
    """
    with throw_away() as server:
        logins.prepare(server, passwords)
        with source_on(server, passwords) as database:
            loading.load(database.owner(), csv_texts(RECIPE), {"kind": "generator"})
        server.stop()
        yield server


@pytest.fixture
def own(cold: Server, passwords: dict[str, str]) -> Iterator[Database]:
    with copied(cold) as server:
        server.start()
        with source_on(server, passwords) as database:
            yield database


@pytest.fixture
def own_road(own: Database, warehouse: Database, ingestion: S3Bucket, processed: S3Bucket) -> Road:
    made = Road(own, warehouse, ingestion, processed)
    made.migrate()
    return made
