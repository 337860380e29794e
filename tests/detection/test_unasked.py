"""A server that cannot say how far its WAL is written, as Aurora's writer: runs go on, a crash takes nothing back."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from conftest import Database
from local.postgres import Server
from ops.screens.catalogue import text
from shared.aws.bucket import S3Bucket
from shared.source.extract import extract
from shared.source.preview import compare
from shared.source.request import ExtractRequest
from tests.detection.servers import arrive, burn, crash, leave, wal_writer
from tests.detection.test_servers import TURNED, modes
from tests.road.road import Heard, Road
from tests.shared.source.test_extract import Stack, transaction
from tests.simulation.mutants import wal_flush

ASKED = ("pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn")
EMIT = "pg_logical_emit_message"
AURORA = """
CREATE FUNCTION pg_catalog.{}() RETURNS pg_lsn LANGUAGE plpgsql AS $$
BEGIN RAISE 'WAL control functions cannot be executed' USING ERRCODE = '{}'; END $$
"""


def make_unasked(server: Server, database: str, state: str, functions: tuple[str, ...] = ASKED) -> None:
    with server.superuser(database) as admin:
        admin.run("SET allow_system_table_mods = on")
        for function in functions:
            if state == "42501":
                admin.run(f"REVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC")
                continue
            # PostgreSQL calls a built-in function without a look at its text, so it must be another one.
            admin.run(f"ALTER FUNCTION pg_catalog.{function}() RENAME TO {function}_gone")
            if state != "42883":
                admin.run(AURORA.format(function, state))


@pytest.mark.parametrize("state", ["55000", "0A000", "42883", "42501"])
@pytest.mark.parametrize("functions", [ASKED, ASKED[1:]], ids=["neither", "not how far it is flushed"])
def test_each_run_commits_and_no_table_is_held(
    totesys: Database, ingestion: S3Bucket, state: str, functions: tuple[str, ...]
) -> None:
    stack, owner = Stack(totesys, ingestion, Heard()), totesys.owner()
    make_unasked(totesys.server, totesys.name, state, functions)
    transaction(owner, 1)
    assert stack.extract().run == 1
    transaction(owner, 2)
    assert stack.extract().run == 2
    assert stack.rows(2, "transaction") == [2]
    assert stack.extract().run is None
    assert not any(table.hold for table in stack.record(2).tables.values())
    told = compare(stack.outside())
    assert (told["unasked"] is None) is (functions != ASKED)
    if functions == ASKED:
        assert f"SQLSTATE {state}" in text(told, is_verbose=False).splitlines()[0]
    assert not any(table["problem"] for table in told["tables"])


@pytest.mark.parametrize("waits", [True, False])
def test_ids_that_a_crash_gives_out_again(own_road: Road, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the WAL can be asked, with the WAL writer stopped for good: the run's own commit flushes."""
    road, server = own_road, own_road.totesys.server
    make_unasked(server, road.totesys.name, "55000")
    road.travel()
    writer = wal_writer(server)
    if not waits:
        wal_flush(monkeypatch)
    os.kill(writer, signal.SIGSTOP)
    road.source.run(TURNED.format(1))
    burn(road.source, 100)
    assert road.extract().run == 2
    leave(road)
    crash(server, writer)
    arrive(road, road.totesys)
    road.source.run(TURNED.format(2))
    burn(road.source, 200)
    road.travel()
    assert ("fact_payment" in road.differences()) is not waits
    if waits:
        assert modes(road, 3) == {"delta"}


@pytest.fixture
def slow_writer(totesys: Database) -> Iterator[Database]:
    with totesys.server.superuser() as admin:
        admin.run("ALTER SYSTEM SET wal_writer_delay = '500ms'")
        admin.run("SELECT pg_reload_conf()")
        yield totesys
        admin.run("ALTER SYSTEM RESET wal_writer_delay")
        admin.run("SELECT pg_reload_conf()")


def test_where_no_message_can_be_logged_it_waits_as_long_as_a_crash_can_reach_back(
    slow_writer: Database, ingestion: S3Bucket
) -> None:
    stack, owner = Stack(slow_writer, ingestion, Heard()), slow_writer.owner()
    make_unasked(slow_writer.server, slow_writer.name, "55000")
    with slow_writer.server.superuser(slow_writer.name) as admin:
        for [message] in admin.run(
            "SELECT CAST(CAST(oid AS regprocedure) AS text) FROM pg_proc WHERE proname = :it", it=EMIT
        ):
            admin.run(f"REVOKE EXECUTE ON FUNCTION {message} FROM PUBLIC")
    slept: list[float] = []
    transaction(owner, 1)
    assert extract(ExtractRequest(), replace(stack.outside(), sleep=slept.append)).run == 1
    assert slept == [1.5]
