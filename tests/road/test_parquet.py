"""Every file of both buckets is read by pyarrow and duckdb, with the right types and the very values."""

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.columns import Column, Kind
from shared.lake.documents import Part
from shared.postgres.connection import quoted
from shared.warehouse.registry import TARGETS
from tests.road.road import Road

pytestmark = pytest.mark.fast

NASTY = (
    "UPDATE address SET address_line_1 = '', address_line_2 = 'NA', district = 'null', city = E'\\\\N\\t\\r\\n\"''',"
    " postal_code = '00123', country = 'Côte d’Ivoire 😀', phone = 'nan' WHERE address_id = 1",
    "UPDATE counterparty SET commercial_contact = 'None', delivery_contact = NULL WHERE counterparty_id = 1",
    "UPDATE purchase_order SET item_code = '0000001', item_unit_price = 99999999.99 WHERE purchase_order_id = 1",
    "UPDATE payment SET payment_amount = -0.01, payment_date = '9999-12-31' WHERE payment_id = 1",
    "UPDATE payment SET payment_date = '0001-01-01' WHERE payment_id = 2",
    "UPDATE sales_order SET created_at = '2026-01-05 23:59:59.999', units_sold = -2147483648 WHERE sales_order_id = 1",
    "UPDATE sales_order SET created_at = '1900-02-28 00:00:00' WHERE sales_order_id = 2",
    "UPDATE sales_order SET created_at = '2026-01-05 12:00:00.000' WHERE sales_order_id = 3",
)
ARROW = {
    Kind.INTEGER: pa.int32(),
    Kind.MONEY: pa.decimal128(10, 2),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
}
DUCK = {
    Kind.INTEGER: "INTEGER",
    Kind.MONEY: "DECIMAL(10,2)",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TEXT: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
}


@pytest.fixture
def nasty(road: Road) -> Road:
    for statement in NASTY:
        road.source.run(statement)
    road.travel()
    assert road.differences() == {}
    return road


def fetched(bucket: S3Bucket, parts: tuple[Part, ...], folder: Path) -> list[Path]:
    files = []
    for number, part in enumerate(parts):
        files.append(folder / f"{number}.parquet")
        files[-1].write_bytes(bucket.get(part.key))
    return files


def assert_read_by_all(files: list[Path], columns: tuple[Column, ...], expected: list[list[Any]]) -> None:
    names = [column.name for column in columns]
    table = pq.read_table(files)
    assert [table.schema.field(column.name).type for column in columns] == [ARROW[c.kind] for c in columns]
    by_arrow = [list(row.values()) for row in table.select(names).to_pylist()]
    chosen = ", ".join(quoted(name) for name in names)
    answer = duckdb.sql(f"SELECT {chosen} FROM read_parquet({[str(file) for file in files]})")
    assert answer is not None
    assert [str(kind) for kind in answer.types] == [DUCK[column.kind] for column in columns]
    by_duck = [list(row) for row in answer.fetchall()]
    assert ordered(by_arrow) == ordered(by_duck) == ordered(expected)


def ordered(rows: list[list[Any]]) -> list[str]:
    return sorted(map(repr, rows))


def test_batches(nasty: Road, tmp_path: Path) -> None:
    record = nasty.run_log.get(1)
    for name, table in TABLES.items():
        batch = record.tables[name].batch
        assert batch is not None
        chosen = ", ".join(
            f"CAST({quoted(c.name)} AS text)" if c.kind == Kind.TEXT else quoted(c.name) for c in table.columns
        )
        expected = nasty.source.run(f"SELECT {chosen} FROM {quoted(name)}") or []
        assert_read_by_all(fetched(nasty.ingestion, batch.parts, tmp_path), table.columns, expected)


def test_warehouse_tables(nasty: Road, tmp_path: Path) -> None:
    for name, target in TARGETS.items():
        parts = nasty.manifests.get(1, name).parts
        chosen = ", ".join(quoted(column.name) for column in target.columns)
        expected = nasty.there.run(f"SELECT {chosen} FROM {quoted(name)}") or []
        assert_read_by_all(fetched(nasty.processed, parts, tmp_path), target.columns, expected)
