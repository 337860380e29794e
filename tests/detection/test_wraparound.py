"""Transaction ids have 32 bits in a row and go round: for real, on a server brought to the end of them."""

from local.postgres import Server
from tests.detection.servers import arrive, burn, leave
from tests.detection.test_servers import PAYMENTS, TURNED, records
from tests.road.road import Road

ROUND = 2**32
# Each less than 2**31 from the one before, further than which no server goes without freezing; the last leaves a few.
STEPS = (1_900_000_000, 3_800_000_000, ROUND - 200)
IDS_PER_SEGMENT = 32 * 8192 * 4
"""A file of pg_xact: 32 pages, two bits for each id."""


def test_ids_that_go_round(own_road: Road) -> None:
    road, server = own_road, own_road.totesys.server
    leave(road)
    for step in STEPS:
        set_next_id(server, step)
        freeze(server)
    arrive(road, road.totesys)
    road.travel()
    long = road.totesys.owner()
    long.run("BEGIN; SAVEPOINT one; " + TURNED.format(1))
    road.source.run(TURNED.format(2))
    assert payments(road, 2) == ("delta", 1)
    burn(road.source, 300)
    road.source.run(TURNED.format(3))
    assert payments(road, 3) == ("delta", 1)
    snapshot = road.run_log.get(3).snapshot
    assert snapshot.xmin and snapshot.xmax and snapshot.xmin < ROUND < snapshot.xmax
    long.run("COMMIT")
    assert payments(road, 4) == ("delta", 1)
    assert (road.differences(), records(road)) == ({}, PAYMENTS + 3)
    burn(road.source, 2000)
    road.source.run(TURNED.format(4))
    # Rows that were loaded before the first round bear ids that come again now: read once more, and dropped.
    assert payments(road, 5) == ("delta", PAYMENTS - 3)
    assert (road.differences(), records(road)) == ({}, PAYMENTS + 4)
    assert road.extract().run is None


def set_next_id(server: Server, xid: int) -> None:
    """The next transaction's id, as if all those before had been used."""
    server.stop()
    server.run_program("pg_resetwal", "-x", str(xid), str(server.home / "data"))
    server.write(f"pg_xact/{xid // IDS_PER_SEGMENT:04X}", "\0" * (IDS_PER_SEGMENT // 4))
    server.start()


def freeze(server: Server) -> None:
    """Every database, so that ids can go on."""
    with server.superuser() as admin:
        admin.run("ALTER DATABASE template0 ALLOW_CONNECTIONS true")
        names = [name for (name,) in admin.run("SELECT datname FROM pg_database")]
    for name in names:
        with server.superuser(name) as admin:
            admin.run("VACUUM (FREEZE)")


def payments(road: Road, run: int) -> tuple[str, int]:
    """The batch of payments that this run, the next, has."""
    road.travel()
    batch = road.run_log.get(run).tables["payment"].batch
    assert batch is not None
    return batch.mode, batch.rows
