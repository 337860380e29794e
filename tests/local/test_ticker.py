"""What the ticking source commits, and when."""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pg8000.native import Connection, identifier

from local import folders
from local.tables import COLUMNS
from local.ticker import KINDS, Change, Ticker, kinds_at, pid_file, tick

NOW = datetime(2025, 3, 12, 9, 30, 10, 123_000)
SEEDS = range(6)
Content = dict[str, dict[int, list[Any]]]


def content(connection: Connection) -> Content:
    rows = {table: connection.run(f"SELECT * FROM {identifier(table)}") or [] for table in COLUMNS}
    return {table: {row[0]: row for row in found} for table, found in rows.items()}


def named(table: str, row: list[Any]) -> dict[str, Any]:
    return dict(zip(COLUMNS[table], row, strict=True))


def caused(connection: Connection, kind: str, seed: int = 1) -> tuple[Change, Content, Content]:
    """The change of this kind, and the whole source before and after."""
    before = content(connection)
    [change] = tick(connection, Random(seed), NOW, [kind])
    return change, before, content(connection)


def touched(before: Content, after: Content) -> set[str]:
    return {table for table in COLUMNS if before[table] != after[table]}


def columns_changed(change: Change, before: Content, after: Content) -> set[str]:
    old, new = (named(change.table, whole[change.table][change.key]) for whole in (before, after))
    return {column for column in old if old[column] != new[column]}


@pytest.mark.parametrize(("kind", "table"), [("sale", "sales_order"), ("purchase", "purchase_order")])
def test_an_order_comes_with_transaction_and_payment_of_the_same_moment(
    source: Connection, kind: str, table: str
) -> None:
    change, before, after = caused(source, kind)
    assert touched(before, after) == {table, "transaction", "payment"}
    new = {t: named(t, row) for t in touched(before, after) for key, row in after[t].items() if key not in before[t]}
    assert {row["created_at"] for row in new.values()} == {NOW}
    assert new[table][f"{table}_id"] == new["transaction"][f"{table}_id"] == change.key
    assert new["payment"]["transaction_id"] == new["transaction"]["transaction_id"]
    assert new["payment"]["payment_date"] == new[table]["agreed_payment_date"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_silent_edit_changes_one_column_and_never_last_updated(source: Connection, seed: int) -> None:
    change, before, after = caused(source, "silent edit", seed)
    assert touched(before, after) == {change.table}
    [column] = columns_changed(change, before, after)
    assert column in ("design_id", "staff_id", "item_code", "agreed_delivery_date", "agreed_delivery_location_id") or (
        change.table == "design" and column == "file_location"
    )


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("payment", {"paid", "last_updated"}),
        ("department", {"department_name", "last_updated"}),
        ("address", {"address_line_1", "phone", "last_updated"}),
    ],
)
def test_a_proper_change_moves_last_updated(source: Connection, kind: str, columns: set[str]) -> None:
    change, before, after = caused(source, kind)
    assert touched(before, after) == {kind}
    assert columns_changed(change, before, after) == columns
    assert named(kind, after[kind][change.key])["last_updated"] == NOW


def test_a_design_is_new(source: Connection) -> None:
    change, before, after = caused(source, "design")
    assert set(after["design"]) - set(before["design"]) == {change.key}


def test_a_delete_takes_a_payment_and_at_times_all_of_its_order(source: Connection) -> None:
    takings = set()
    for seed in SEEDS:
        change, before, after = caused(source, "delete", seed)
        assert set(before["payment"]) - set(after["payment"]) == {change.key}
        takings.add(len(touched(before, after)))
    assert takings == {1, 3}


def test_a_kind_with_nothing_to_change_is_left_out(source: Connection) -> None:
    source.run("UPDATE payment SET paid = true")
    assert tick(source, Random(1), NOW, ["payment"]) == []


def test_the_same_dice_cause_the_same_changes(source: Connection) -> None:
    source.run("BEGIN")
    first = [change for kind in ("payment", "address") for change in caused_in_vain(source, kind)]
    assert first == [change for kind in ("payment", "address") for change in caused_in_vain(source, kind)]


def caused_in_vain(connection: Connection, kind: str) -> list[Change]:
    made = KINDS[kind](connection, Random(5), NOW)
    connection.run("ROLLBACK; BEGIN")
    return [made] if made else []


@pytest.mark.fast
def test_a_source_that_is_down_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "postgres").mkdir()
    pid_file(tmp_path).write_text(f"{os.getpid()}")
    folders.write_private(tmp_path / "servers", f"{tmp_path.stat().st_ino} .")
    ticker = Ticker(tmp_path, 0.01, 1)
    threading.Timer(0.2, ticker.stop).start()
    ticker.run()
    words = "tick 0 was not committed and will be retried: Connection refused"
    assert {line.split(" ", 2)[2] for line in capsys.readouterr().out.splitlines()} == {words}


def windows(ticks: int) -> Callable[[int], set[str]]:
    return lambda start: {kind for number in range(start, start + ticks) for kind in kinds_at(number)}


@pytest.mark.parametrize("start", range(0, 180, 7))
def test_any_five_minutes_and_any_half_hour_hold_what_they_should(start: int) -> None:
    assert {"sale", "purchase", "payment", "silent edit", "design"} <= windows(15)(start)
    assert set(KINDS) == windows(90)(start)
