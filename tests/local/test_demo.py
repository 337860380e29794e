"""The demo's change, and which run is said to have read it."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from pg8000.native import Connection

from local import logins
from local.change_trace import saw
from local.demo_change import commit_change
from local.errors import LocalError

NOW = datetime(2025, 3, 12, 9, 30, 10, 123_000)


def sale(source: Connection, order: int) -> list[Any]:
    asked = "SELECT staff_id, last_updated, xmin::text::bigint FROM sales_order WHERE sales_order_id = :order"
    [found] = source.run(asked, order=order) or []
    return list(found)


def test_a_new_colleague_takes_over_a_sale(source: Connection) -> None:
    [old_staff, _, _] = sale(source, 5)
    before = datetime.now(UTC)
    made = commit_change(source, 5, Random(1), NOW)
    assert before <= made.at <= datetime.now(UTC)
    assert (made.order, made.old_staff) == (5, old_staff)
    assert sale(source, 5) == [made.staff, NOW, made.xid]
    asked = "SELECT first_name || ' ' || last_name, department_id FROM staff WHERE staff_id = :staff"
    [[name, department]] = source.run(asked, staff=made.staff) or []
    [[_, old_department]] = source.run(asked, staff=old_staff) or []
    assert (name, department) == (made.name, old_department)


def test_the_change_is_whole_or_not_at_all(source: Connection) -> None:
    [[before]] = source.run("SELECT count(*) FROM staff") or []
    with pytest.raises(LocalError, match="deleted"):
        commit_change(source, 10**9, Random(1), NOW)
    assert source.run("SELECT count(*) FROM staff") == [[before]]


def cursor_of(connection: Connection) -> dict[str, Any]:
    """As a run would keep it, with nothing seen at or above xmin."""
    [[xmin]] = connection.run("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") or []
    return {"xmin": xmin, "seen": []}


def test_a_run_beside_a_long_transaction_says_by_id_what_it_saw(
    source: Connection, connect: Callable[[str], Connection]
) -> None:
    older = connect(logins.SOURCE_OWNER)
    older.run("BEGIN; UPDATE design SET file_name = file_name WHERE design_id = 1")
    made = commit_change(source, 5, Random(1), NOW)
    beside = cursor_of(source)
    batch = {"mode": "delta", "rows": 1}
    assert made.xid >= beside["xmin"]
    assert not saw({"batch": batch, "cursor": beside}, made.xid)
    assert saw({"batch": batch, "cursor": beside | {"seen": [made.xid]}}, made.xid)
    older.run("COMMIT")
    assert saw({"batch": batch, "cursor": cursor_of(source)}, made.xid)


def test_a_run_without_a_batch_of_the_table_saw_nothing() -> None:
    assert not saw({"batch": None, "cursor": {"xmin": 10, "seen": []}}, 5)
    assert not saw({"batch": None, "cursor": None}, 5)
