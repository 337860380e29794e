"""Filling the source, from CSV files above all: the round trip, errors of one line, once and for all."""

import argparse
import csv
import io
from pathlib import Path
from typing import Any

import pytest
from pg8000.native import Connection, identifier

from local import loading
from local import source as chosen_source
from local.errors import LocalError
from local.generator import Recipe, csv_texts
from local.tables import COLUMNS


def asked(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    chosen_source.add_source_options(parser)
    return parser.parse_args([str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, small: Recipe) -> Path:
    for table, text in csv_texts(small).items():
        (tmp_path / f"{table}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def exported(connection: Connection, table: str) -> str:
    out = io.BytesIO()
    query = f"SELECT * FROM {identifier(table)} ORDER BY 1"
    connection.run(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", stream=out)
    return out.getvalue().decode()


def parsed(text: str) -> list[dict[str, str]]:
    """Rows without their times, which PostgreSQL prints without trailing zeros."""
    rows = list(csv.DictReader(io.StringIO(text)))
    return [{k: v for k, v in row.items() if k not in ("created_at", "last_updated")} for row in rows]


def one(connection: Connection, sql: str) -> Any:
    [[value]] = connection.run(sql) or []
    return value


def test_csv_files_come_back_out_as_they_went_in(empty_source: Connection, folder: Path, small: Recipe) -> None:
    chosen_source.ensure(empty_source, asked("--source-csv", folder))
    for table, text in csv_texts(small).items():
        assert parsed(exported(empty_source, table)) == parsed(text)


def test_an_empty_field_is_null_and_a_quoted_one_is_an_empty_text(empty_source: Connection, folder: Path) -> None:
    header = ",".join(COLUMNS["department"])
    rows = f'{header}\n1,Sales,,"",2024-01-01,2024-01-01\n'
    (folder / "department.csv").write_text(rows, encoding="utf-8")
    (folder / "staff.csv").write_text(",".join(COLUMNS["staff"]) + "\n", encoding="utf-8")
    for table in ("payment", "transaction", "sales_order", "purchase_order"):
        (folder / f"{table}.csv").write_text(",".join(COLUMNS[table]) + "\n", encoding="utf-8")
    chosen_source.ensure(empty_source, asked("--source-csv", folder))
    assert empty_source.run("SELECT location, manager FROM department") == [[None, ""]]


def test_columns_may_come_in_any_order(empty_source: Connection, folder: Path) -> None:
    backwards = [row[::-1] for row in csv.reader((folder / "staff.csv").read_text().splitlines())]
    text = io.StringIO()
    csv.writer(text).writerows(backwards)
    (folder / "staff.csv").write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    chosen_source.ensure(empty_source, asked("--source-csv", folder))
    assert "@" in one(empty_source, "SELECT email_address FROM staff WHERE staff_id = 1")


def test_sequences_go_on_after_the_loaded_rows(source: Connection, small: Recipe) -> None:
    insert = "INSERT INTO transaction (transaction_type, last_updated) VALUES ('SALE', now()) RETURNING transaction_id"
    assert one(source, insert) == small.orders + 1


def test_a_missing_file_is_named(empty_source: Connection, folder: Path) -> None:
    (folder / "design.csv").unlink()
    with pytest.raises(LocalError, match=r"design\.csv is missing; the folder needs"):
        chosen_source.ensure(empty_source, asked("--source-csv", folder))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("email_address", "email", "its header lacks email_address"),
        ("email_address", "email_address,age", "its header has age, unknown"),
        ("email_address", "email_address,staff_id", "names a column twice"),
    ],
)
def test_a_wrong_header_is_named(empty_source: Connection, folder: Path, old: str, new: str, says: str) -> None:
    rewrite(folder / "staff.csv", old, new)
    with pytest.raises(LocalError, match=rf"staff\.csv: .*{says}"):
        chosen_source.ensure(empty_source, asked("--source-csv", folder))


@pytest.mark.parametrize(
    ("table", "old", "new", "says"),
    [
        ("currency", "1,GBP", "one,GBP", r"currency\.csv: invalid input syntax .*line 2.*; correct the file"),
        ("currency", "3,EUR", "4,EUR", r"\.csv: .*violates foreign key constraint"),
        ("currency", ",GBP", ",", r"currency\.csv: null value in column"),
    ],
)
def test_a_bad_row_is_named_on_one_line_and_nothing_is_loaded(
    empty_source: Connection, folder: Path, table: str, old: str, new: str, says: str
) -> None:
    rewrite(folder / f"{table}.csv", old, new)
    with pytest.raises(LocalError, match=says) as raised:
        chosen_source.ensure(empty_source, asked("--source-csv", folder))
    assert "\n" not in str(raised.value)
    assert one(empty_source, "SELECT count(*) FROM address") == 0
    assert loading.origin(empty_source) is None


def test_the_same_source_again_is_nothing_to_do(empty_source: Connection, folder: Path) -> None:
    chosen_source.ensure(empty_source, asked("--source-csv", folder))
    empty_source.run("DELETE FROM payment")
    for again in (asked("--source-csv", folder), asked()):
        assert chosen_source.ensure(empty_source, again).startswith("source as before")
    assert one(empty_source, "SELECT count(*) FROM payment") == 0


def test_generated_rows_asked_for_again_are_nothing_to_do(empty_source: Connection) -> None:
    options = asked("--orders", 20, "--seed", 3, "--today", "2025-03-12")
    chosen_source.ensure(empty_source, options)
    assert chosen_source.ensure(empty_source, options).startswith("source as before (20 invented orders")


def test_another_source_is_refused_with_the_way_out(empty_source: Connection, folder: Path) -> None:
    chosen_source.ensure(empty_source, asked("--orders", 20))
    for other in (asked("--source-csv", folder), asked("--orders", 21), asked("--today", "2001-01-01")):
        with pytest.raises(LocalError, match=r"local\.sh reset"):
            chosen_source.ensure(empty_source, other)


def test_changed_files_are_another_source(empty_source: Connection, folder: Path) -> None:
    chosen_source.ensure(empty_source, asked("--source-csv", folder))
    rewrite(folder / "currency.csv", "GBP", "CHF")
    with pytest.raises(LocalError, match="are not those of this stack's source"):
        chosen_source.ensure(empty_source, asked("--source-csv", folder))


def test_csv_files_and_generator_options_exclude_each_other(empty_source: Connection, folder: Path) -> None:
    with pytest.raises(LocalError, match="exclude each other"):
        chosen_source.ensure(empty_source, asked("--source-csv", folder, "--orders", 5))
