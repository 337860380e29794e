"""A transaction that stays open keeps ids from being settled: what a run must remember is bounded, and the warehouse
right all the same."""

from collections.abc import Callable

import pytest

from shared.lake import keys
from shared.lake.documents import PostgresCursor
from shared.source.readers.postgres import changes
from tests.road.road import Road

BATCH = """
DO $$ BEGIN FOR n IN {first}..{last} LOOP
  BEGIN INSERT INTO transaction VALUES (n, 'SALE', NULL, NULL, now(), now()); EXCEPTION WHEN unique_violation THEN END;
END LOOP; END $$"""
"""Each row by a transaction id of its own, as many short transactions would give it."""

# An id in a record takes 6 to 14 bytes, so with 50,000, the product's own, a table's cursor stays below 1 MB.
MOST = [
    pytest.param(400, marks=pytest.mark.fast, id="four hundred"),
    pytest.param(changes.MAX_TRACKED_XIDS, marks=pytest.mark.soak, id="the product's own"),
]


@pytest.mark.parametrize("most", MOST)
def test_a_long_transaction(
    own_road: Road, most: int, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(changes, "MAX_TRACKED_XIDS", most)
    road = own_road
    road.travel()
    long = road.totesys.owner()
    long.run("BEGIN; UPDATE payment SET paid = NOT paid WHERE payment_id = 1")
    told = [f"horizon held back, at most {most} ids remembered:"]
    part = int(most * 0.7)
    # Below the bound nothing is read twice; beyond it all of them are, in each run, until the transaction ends.
    for number, (rows_read, seen) in enumerate([(part, part), (part, 0), (2 * part + part, 0)]):
        insert(road, 10**6 + number * part, part)
        told.append(travelled(road, number + 2, rows_read, seen))
        assert road.differences() == {}
    long.run("COMMIT")
    told.append(travelled(road, 5, 3 * part, 0))
    assert road.differences() == {}
    assert road.extract().run is None
    record_property("summary", "\n  ".join(told))


def insert(road: Road, first: int, rows: int) -> None:
    road.source.run(BATCH.format(first=first, last=first + rows - 1))


def travelled(road: Road, run: int, rows_read: int, seen: int) -> str:
    """What the record of the next run holds, in numbers."""
    road.travel()
    state = road.run_log.get(run).tables["transaction"]
    assert state.batch and isinstance(state.cursor, PostgresCursor)
    assert (state.batch.mode, state.batch.rows, len(state.cursor.seen)) == ("delta", rows_read, seen)
    size = len(road.ingestion.get(keys.run_key(run)))
    inserted = road.there.run(
        "SELECT inserted, unchanged FROM etl_ledger WHERE run = :run AND table_name = 'dim_transaction'", run=run
    )
    return f"run {run}: {rows_read} rows read, {inserted} loaded, {seen} ids remembered, record of {size} bytes"
