"""Whatever the logins and the databases have as defaults, and whatever their encoding, the same things arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from conftest import NUMBERS, SCHEMA, Database
from local import logins
from local.generator import csv_texts
from local.loading import load
from local.postgres import Server
from shared.aws.bucket import S3Bucket
from shared.lake.documents import PostgresCursor
from shared.load.schema.migrate import migrate
from shared.warehouse.registry import TARGETS
from tests.conftest import RECIPE, NewRoad
from tests.road.road import Road
from tests.shared.postgres.hostile import HOSTILE, set_for

pytestmark = pytest.mark.fast

NAMES = "UPDATE staff SET first_name = 'Zoë', last_name = 'Łukasz \\ O''Neill' WHERE staff_id = 3"
LEDGER = "SELECT table_name, run, rows, inserted, updated, deleted, unchanged, mode FROM etl_ledger ORDER BY 1, 2"


def travelled(road: Road) -> tuple[object, object, object]:
    """All keys, the ledger, and what the run records say of each table."""
    keys = [key for bucket in (road.ingestion, road.processed) for key in bucket.list("")]
    said = {
        f"{run} {name}": (state.batch and [part.sha256 for part in state.batch.parts], state.cursor.server)
        for run in (1, 2)
        for name, state in road.run_log.get(run).tables.items()
        if isinstance(state.cursor, PostgresCursor)
    }
    return sorted(keys), road.there.run(LEDGER), said


def tell(road: Road) -> None:
    road.source.run(NAMES)
    road.travel()
    road.source.run("UPDATE payment SET last_updated = '2026-12-03 04:05:06.7' WHERE payment_id IN (3, 4)")
    road.source.run("DELETE FROM payment WHERE payment_id = 5")
    road.travel()


def test_defaults_of_login_and_database_change_nothing(new_road: NewRoad) -> None:
    with new_road() as usual, new_road() as hostile:
        tell(usual)
        for database in (hostile.totesys, hostile.warehouse):
            set_for(database, HOSTILE | {"search_path": "public, pg_catalog"})
        hostile.migrate()
        before = datetime.now(UTC).replace(tzinfo=None)
        tell(hostile)
        assert travelled(hostile) == travelled(usual)
        assert hostile.differences() == usual.differences() == {}
        taken_at = hostile.run_log.get(1).snapshot.taken_at
        assert before <= taken_at <= datetime.now(UTC).replace(tzinfo=None)
        assert hostile.there.run("SELECT DISTINCT snapshot_at FROM etl_ledger WHERE run = 1") == [[taken_at]]


def test_the_server_s_start_is_kept_as_it_always_was(road: Road) -> None:
    road.extract()
    cursor = road.run_log.get(1).tables["payment"].cursor
    assert isinstance(cursor, PostgresCursor)
    (written,) = road.source.run("SELECT CAST(pg_postmaster_start_time() AT TIME ZONE 'UTC' AS text)")
    assert [cursor.server] == written


@contextmanager
def source_in(encoding: str, server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    name = f"source_{encoding.lower()}_{next(NUMBERS)}"
    with server.superuser() as admin:
        of_owner = f"LOCALE 'C' TEMPLATE template0 OWNER {logins.SOURCE_OWNER}"
        admin.run(f"CREATE DATABASE {name} ENCODING '{encoding}' {of_owner}")
        admin.run(f"GRANT CONNECT ON DATABASE {name} TO {logins.EXTRACT}")
    with server.superuser(name) as admin:
        logins._ensure_source_schema(admin)
        logins._grant_source(admin)
    database = Database(server, name, logins.SOURCE_OWNER, logins.EXTRACT, passwords)
    with database.opened:
        owner = database.owner()
        owner.run("SET client_encoding TO 'UTF8'")
        load(owner, csv_texts(RECIPE), {"kind": "generator"})
        yield database
    with server.superuser() as admin:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("encoding", ["LATIN1", "WIN1252", "SQL_ASCII"])
def test_a_source_of_another_encoding_arrives_as_it_is_meant(
    encoding: str,
    server: Server,
    passwords: dict[str, str],
    warehouse: Database,
    ingestion: S3Bucket,
    processed: S3Bucket,
) -> None:
    with source_in(encoding, server, passwords) as source:
        road = Road(source, warehouse, ingestion, processed)
        road.source.run("SET client_encoding TO 'UTF8'")
        road.source.run("UPDATE staff SET first_name = 'Zoë' WHERE staff_id = 3")
        if encoding == "SQL_ASCII":
            road.source.run("UPDATE staff SET first_name = convert_from('\\x5a6feb', 'SQL_ASCII') WHERE staff_id = 4")
        road.migrate()
        road.travel()
        names = dict(road.there.run("SELECT staff_id, first_name FROM dim_staff"))
        assert names[3] == "Zoë"
        unreadable = road.there.run("SELECT key, reason FROM etl_quarantine")
        if encoding == "SQL_ASCII":
            assert 4 not in names
            assert [key for key, reason in unreadable if "first_name" in reason] == ["4"]
        else:
            assert unreadable == []
        assert len(names) == road.source.run("SELECT count(*) FROM staff")[0][0] - (encoding == "SQL_ASCII")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_warehouse_of_another_encoding_is_told_at_deploy(encoding: str, warehouse: Database) -> None:
    name = f"warehouse_{encoding.lower()}_{next(NUMBERS)}"
    with warehouse.server.superuser() as admin:
        admin.run(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0 OWNER {warehouse.owner_name}"
        )
        admin.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {warehouse.login_name}")
    other = Database(warehouse.server, name, warehouse.owner_name, warehouse.login_name, warehouse.passwords)
    with other.connect(logins.WAREHOUSE_OWNER) as owner:
        report = migrate(owner, SCHEMA, other.login_name, {}, TARGETS)
    with warehouse.server.superuser() as admin:
        admin.run(f"DROP DATABASE {name}")
    assert [line for line in report.notes if f"encoding is {encoding}" in line and "ENCODING 'UTF8'" in line]
    assert len(report.notes) == 1
