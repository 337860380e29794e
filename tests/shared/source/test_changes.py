"""Decisions of the extraction that need no server."""

from datetime import datetime

import msgspec
import pytest

from shared.catalogue import SourceTable
from shared.columns import Column, Kind
from shared.lake.documents import Cursor, Snapshot
from shared.source.changes import (
    MOST_SEEN,
    TAKEN_FROM,
    KeyStats,
    difference,
    flush_target,
    keys_are_gone,
    keys_of,
    next_cursor,
    reason_for_full,
    undeclared,
)
from shared.source.live import Live

pytestmark = pytest.mark.fast

LIVE = Live(oid=1, relfilenode=1, columns=(), taken_from=dict.fromkeys(TAKEN_FROM, "0"))
CURSOR = Cursor(
    server="a",
    xmin=1000,
    seen=(),
    oid=1,
    relfilenode=1,
    columns=LIVE.fingerprint,
    count=0,
    checksum=0,
    max_key=None,
    read_for={},
    taken_from=dict(LIVE.taken_from),
)


@pytest.mark.parametrize(("xmax", "is_told"), [(999, False), (1000, True), (10**9, True), (2**31, False)])
def test_ids_that_went_back_or_further_than_age_can_tell_make_a_full_batch(xmax: int, is_told: bool) -> None:
    """age() counts from the newest id, and more may have been given out since: 2**31 - 1000 is too near."""
    snapshot = Snapshot(taken_at=datetime(2026, 1, 5), xmin=xmax, xmax=xmax)
    assert (reason_for_full(CURSOR, snapshot, "a", LIVE, {}) is None) is is_told


@pytest.mark.parametrize(
    ("count", "checksum", "are_gone"),
    [
        (3, 111, False),
        (2, 111, True),
        # A key was deleted, and a lower one committed late: as many as before, and not the same.
        (3, 112, True),
    ],
)
def test_the_keys_up_to_the_cursor_are_the_same_only_in_number_and_in_sum(
    count: int, checksum: int, are_gone: bool
) -> None:
    cursor = msgspec.structs.replace(CURSOR, count=3, checksum=111, max_key=9)
    found = KeyStats(rows=7, checksum=999, max_key=20, old_rows=count, old_checksum=checksum)
    assert keys_are_gone(cursor, found) is are_gone


def test_a_cursor_that_leaves_deletions_to_the_next_run_keeps_its_own_counts() -> None:
    cursor = msgspec.structs.replace(CURSOR, count=3, checksum=111, max_key=9)
    kept = keys_of(cursor)
    assert (kept.rows, kept.checksum, kept.max_key) == (3, 111, 9)
    assert not keys_are_gone(cursor, kept)


PAGE = 8192


@pytest.mark.parametrize(
    ("lsn", "target"),
    [
        (10 * PAGE, 10 * PAGE),
        # A page begins with a header of 24 bytes, the first one of a file with 40.
        (10 * PAGE + 24, 10 * PAGE),
        (10 * PAGE + 40, 10 * PAGE),
        (10 * PAGE + 48, 10 * PAGE + 48),
        (11 * PAGE - 8, 11 * PAGE - 8),
    ],
)
def test_a_position_behind_a_page_s_header_is_flushed_with_the_page_before(lsn: int, target: int) -> None:
    assert flush_target(lsn) == target


@pytest.mark.parametrize(
    ("kind", "live", "is_taken"),
    [
        (Kind.MONEY, "numeric(10,2)", True),
        (Kind.MONEY, "numeric(8,0)", True),
        (Kind.MONEY, "numeric(9,1)", True),
        # Ten digits before the point do not fit into numeric(10,2), nor do three behind it.
        (Kind.MONEY, "numeric(12,2)", False),
        (Kind.MONEY, "numeric(11,2)", False),
        (Kind.MONEY, "numeric(9,0)", False),
        (Kind.MONEY, "numeric(10,3)", False),
        (Kind.MONEY, "numeric", False),
        (Kind.MONEY, "double precision", False),
        (Kind.INTEGER, "integer", True),
        (Kind.INTEGER, "bigint", False),
        (Kind.BOOLEAN, "boolean", True),
        (Kind.BOOLEAN, "text", False),
        (Kind.TEXT, "text", True),
        (Kind.TEXT, "character varying(20)", True),
        (Kind.TEXT, "character(3)", False),
        (Kind.TIMESTAMP, "timestamp without time zone", True),
        (Kind.TIMESTAMP, "timestamp(3) without time zone", True),
        (Kind.TIMESTAMP, "timestamp with time zone", False),
        (Kind.TIMESTAMP, "date", False),
    ],
)
def test_a_live_type_is_taken_when_every_value_of_it_can_be_held(kind: Kind, live: str, is_taken: bool) -> None:
    table = SourceTable("paid", False, (Column("paid_id", Kind.INTEGER), Column("value", kind)))
    found = difference(table, LIVE._replace(columns=(("paid_id", "integer"), ("value", live), ("more", "text"))))
    assert found == (None if is_taken else f"column paid.value is {live}, not {kind}")


def test_a_table_or_a_column_that_is_missing_is_named() -> None:
    table = SourceTable("paid", False, (Column("paid_id", Kind.INTEGER), Column("value", Kind.MONEY)))
    live = LIVE._replace(columns=(("paid_id", "integer"), ("more", "text")))
    assert difference(table, None) == "table paid is not there"
    assert difference(table, live) == "column paid.value is missing"
    assert undeclared(table, live) == ["more"]


def cursor_after(before: Cursor | None, xmin: int, *xids: int) -> Cursor:
    snapshot = Snapshot(taken_at=datetime(2026, 1, 5), xmin=xmin, xmax=xmin + 100)
    return next_cursor(before, snapshot, "b", LIVE, KeyStats(5, 50, 9, 3, 30), xids, {"paid": "x"})


def test_a_cursor_keeps_of_the_ids_that_were_seen_those_that_may_be_met_again() -> None:
    """Those below the snapshot's xmin have all ended: no later run asks for them."""
    before = msgspec.structs.replace(CURSOR, seen=(1999, 2000, 2001))
    made = cursor_after(before, 2000, 1998, 2000, 2002)
    assert (made.xmin, made.seen) == (2000, (2000, 2001, 2002))
    assert (made.server, made.count, made.checksum, made.max_key) == ("b", 5, 50, 9)
    assert cursor_after(None, 2000, 2002, 2000).seen == (2000, 2002)


def test_past_so_many_ids_none_is_kept() -> None:
    most = range(2000, 2000 + MOST_SEEN)
    assert cursor_after(None, 2000, *most).seen == tuple(most)
    assert cursor_after(None, 2000, *most, most.stop).seen == ()


@pytest.mark.parametrize(
    ("server", "live", "read_for", "reason"),
    [
        ("a", LIVE, {"paid": "x", "fact_paid": "y"}, None),
        ("b", LIVE, {"paid": "x"}, "the server was started anew, or is another one"),
        ("a", LIVE._replace(oid=2), {"paid": "x"}, "the table was made anew or rewritten"),
        ("a", LIVE._replace(relfilenode=2), {"paid": "x"}, "the table was made anew or rewritten"),
        ("a", LIVE._replace(columns=(("new", "text"),)), {"paid": "x"}, "its columns changed"),
        ("a", LIVE, {"paid": "x", "fact_paid": "z"}, "the declaration of fact_paid changed"),
        ("a", LIVE, {"paid": "x", "fact_paid": "y", "dim_paid": "z"}, "warehouse table dim_paid is new"),
        # What it is no longer read for is no reason to read it.
        ("a", LIVE, {"paid": "x"}, None),
    ],
)
def test_what_a_cursor_was_not_taken_from_or_for_makes_a_full_batch(
    server: str, live: Live, read_for: dict[str, str], reason: str | None
) -> None:
    cursor = msgspec.structs.replace(CURSOR, read_for={"paid": "x", "fact_paid": "y"})
    snapshot = Snapshot(taken_at=datetime(2026, 1, 5), xmin=1001, xmax=1001)
    assert reason_for_full(cursor, snapshot, server, live, read_for) == reason


def test_a_cursor_that_does_not_say_for_what_it_was_read_makes_a_full_batch() -> None:
    cursor = msgspec.structs.replace(CURSOR, read_for=None)
    snapshot = Snapshot(taken_at=datetime(2026, 1, 5), xmin=1001, xmax=1001)
    assert reason_for_full(cursor, snapshot, "a", LIVE, {}) == "read by a version that did not say for what"
