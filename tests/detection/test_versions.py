"""The whole road on each version of PostgreSQL that is to be had, as source and as warehouse."""

from collections.abc import Callable, Iterator

import pytest

from conftest import Database, made_from
from local import loading, logins
from local.generator import csv_texts
from local.postgres import Server, throw_away
from local.ticker import KINDS
from shared.aws.bucket import S3Bucket
from shared.source.request import ExtractRequest
from tests.conftest import RECIPE, Ticks
from tests.detection.programs import NPM, programs_of
from tests.detection.readings import stress
from tests.road.road import Road
from tests.shared.status.test_status import status_of


@pytest.mark.fast
def test_the_whole_road(road: Road) -> None:
    travel_everything(road)


def travel_everything(road: Road) -> None:
    """Each kind of change, a late commit, a deletion, a new column; counted, and asked for its status."""
    road.travel()
    assert road.differences() == {}
    tick, late = Ticks(road), road.totesys.owner()
    for kind in KINDS:
        tick(kind)
    late.run("BEGIN; SAVEPOINT one; UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    road.travel()
    late.run("PREPARE TRANSACTION 'late'")
    late.run("COMMIT PREPARED 'late'")
    road.source.run("DELETE FROM payment WHERE payment_id = 2; ALTER TABLE staff ADD COLUMN note text DEFAULT 'x'")
    road.travel()
    assert road.differences() == {}
    road.extract(ExtractRequest(cause="count", count=True))
    road.deliver()
    road.load()
    found = status_of(road)
    assert found.comparable
    assert {each.table: each.expected for each in found.tables} == {each.table: each.there for each in found.tables}
    road.migrate()
    assert road.extract().run is None


@pytest.fixture(scope="module", params=[f"npm {version}" for version in NPM] + ["Debian 15"])
def elsewhere(request: pytest.FixtureRequest, passwords: dict[str, str]) -> Iterator[Server]:
    """A server of another version, with databases as ours has them."""
    with programs_of(request.param) as programs, throw_away(programs=programs) as server:
        logins.prepare(server, passwords)
        yield server


@pytest.fixture
def source(elsewhere: Server, passwords: dict[str, str]) -> Iterator[Database]:
    for database in made_from(elsewhere, logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT, passwords):
        loading.load(database.owner(), csv_texts(RECIPE), {"kind": "generator"})
        yield database


@pytest.fixture
def there(elsewhere: Server, passwords: dict[str, str]) -> Iterator[Database]:
    yield from made_from(elsewhere, logins.WAREHOUSE, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)


@pytest.mark.soak
def test_the_whole_road_elsewhere(
    source: Database,
    there: Database,
    ingestion: S3Bucket,
    processed: S3Bucket,
    record_property: Callable[[str, object], None],
) -> None:
    road = Road(source, there, ingestion, processed)
    road.migrate()
    travel_everything(road)
    record_property("summary", f"the whole road on PostgreSQL {road.source.run('SHOW server_version')[0][0]}")


@pytest.mark.soak
def test_a_stress_elsewhere(
    source: Database, ingestion: S3Bucket, record_property: Callable[[str, object], None]
) -> None:
    version = source.owner().run("SHOW server_version")[0][0]
    record_property("summary", f"detection on PostgreSQL {version}: {stress(source, ingestion, 18)}")
