"""The server that is read crashes, is started anew, set back, or replaced: nothing is lost, nothing doubled."""

import os
import signal
import threading

import pytest

from conftest import Database
from local.postgres import Server
from tests.detection.servers import (
    arrive,
    burn,
    copied,
    crash,
    leave,
    make_standby,
    promote,
    source_on,
    wait_replayed,
    wal_writer,
)
from tests.road.road import Road
from tests.simulation.conftest import RECIPE
from tests.simulation.mutants import wal_flush

TURNED = "UPDATE payment SET paid = NOT paid, last_updated = now() WHERE payment_id = {}"

PAYMENTS = RECIPE.orders


def records(road: Road) -> int:
    return int(road.there.run("SELECT count(*) FROM fact_payment")[0][0])


def modes(road: Road, run: int) -> set[str]:
    return {state.batch.mode for state in road.run_log.get(run).tables.values() if state.batch}


@pytest.mark.parametrize("waits", [True, False])
def test_ids_that_a_crash_gives_out_again(own_road: Road, waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that had not waited for the WAL would have gone past ids that later rows bear."""
    road, server = own_road, own_road.totesys.server
    road.travel()
    writer = wal_writer(server)
    if not waits:
        wal_flush(monkeypatch)
    os.kill(writer, signal.SIGSTOP)  # it would flush by itself, now and then in time
    wake = threading.Timer(1.0, os.kill, (writer, signal.SIGCONT))
    road.source.run(TURNED.format(1))
    burn(road.source, 100)
    if waits:  # else it sleeps until it is killed: on a busy machine a run takes longer than this second
        wake.start()
    assert road.extract().run == 2
    if waits:
        wake.join()
    leave(road)
    crash(server, writer)
    arrive(road, road.totesys)
    road.source.run(TURNED.format(2))
    burn(road.source, 200)  # else the ids would be seen to have gone back
    road.travel()
    assert ("fact_payment" in road.differences()) is not waits
    if waits:
        assert modes(road, 3) == {"delta"}


def test_a_server_put_back_to_a_copy_that_has_since_used_up_the_ids(own_road: Road, passwords: dict[str, str]) -> None:
    road, server = own_road, own_road.totesys.server
    road.travel()
    before = records(road)
    leave(road)
    server.stop()
    with copied(server) as earlier:
        go_on_and_end(road, server)
        earlier.start()
        with source_on(earlier, passwords) as source:
            use_the_ids_again(road, source)
            assert modes(road, 3) == {"full"}
            assert road.differences() == {}
            assert records(road) == before + 4, "1 turned and came back, 2 and 3 turned; nothing else"


def go_on_and_end(road: Road, server: Server) -> None:
    """The server makes one more run, which the one that takes its place knows nothing of."""
    server.start()
    arrive(road, road.totesys)
    burn(road.source, 50)
    road.source.run(TURNED.format(1))
    road.travel()
    leave(road)
    server.stop("immediate")


def use_the_ids_again(road: Road, source: Database) -> None:
    """One row changed below the ids that the last run had reached, one above them."""
    arrive(road, source)
    road.source.run(TURNED.format(2))
    burn(road.source, 100)
    road.source.run(TURNED.format(3))
    road.travel()


def test_a_standby_that_took_over_without_the_last_commits(own_road: Road, passwords: dict[str, str]) -> None:
    """Right after, when the server's own files still name the old timeline."""
    road, primary = own_road, own_road.totesys.server
    leave(road)
    primary.stop()
    with copied(primary) as standby:
        primary.start()
        make_standby(standby, primary)
        arrive(road, road.totesys)
        road.travel()
        before = records(road)
        standby.start()
        wait_replayed(standby, primary)
        standby.stop()
        leave(road)
        go_on_and_end(road, primary)
        standby.start()
        promote(standby)
        with source_on(standby, passwords) as source:
            use_the_ids_again(road, source)
            assert road.differences() == {}
            assert records(road) == before + 4


def test_a_standby_as_the_source_which_then_becomes_the_primary(own_road: Road, passwords: dict[str, str]) -> None:
    """A standby's snapshots name no running transactions; and what it had replayed stays when it takes over."""
    road, primary = own_road, own_road.totesys.server
    leave(road)
    primary.stop()
    with copied(primary) as standby, source_on(primary, passwords) as wrote, source_on(standby, passwords) as read:
        primary.start()
        make_standby(standby, primary)
        standby.start()
        short, long = wrote.owner(), wrote.owner()
        long.run("BEGIN; SAVEPOINT one; " + TURNED.format(1))
        short.run(TURNED.format(2))
        wait_replayed(standby, primary)
        arrive(road, read)
        road.travel()
        assert records(road) == PAYMENTS
        long.run("COMMIT")
        short.run(TURNED.format(3))
        wait_replayed(standby, primary)
        road.travel()
        wrote.opened.close()
        primary.stop("immediate")
        promote(standby)
        road.source.run(TURNED.format(4))
        road.travel()
        assert modes(road, 2) == modes(road, 3) == {"delta"}
        assert (road.differences(), records(road)) == ({}, PAYMENTS + 3)
