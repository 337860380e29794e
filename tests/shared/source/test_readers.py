"""A second kind of source, made for this test, that extract reads beside PostgreSQL into the same run."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

import msgspec
import pandas as pd
import pg8000.native
import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.catalogue import CREATED, TABLES, UPDATED, SourceTable
from shared.columns import INTEGER, TEXT, UNREADABLE, Column
from shared.errors import BadDocument, NotYet, ServiceUnavailable
from shared.frames import Frame
from shared.lake import keys
from shared.lake.documents import Cursor, Document, PostgresCursor, RunRecord, Snapshot, decode
from shared.postgres.connection import Connection, connect
from shared.source.extract import ExtractResult, extract
from shared.source.preview import compare, preview
from shared.source.readers.base import Sleep, TableDescription, TableView, table_error
from shared.source.readers.postgres.reader import PostgresReader
from shared.source.request import ExtractRequest
from shared.warehouse.registry import Target
from tests.road.road import Heard
from tests.shared.source.test_extract import Stack, currency

pytestmark = pytest.mark.fast

RATES = SourceTable(
    "rate",
    False,
    (Column("rate_id", INTEGER), Column("pair", TEXT), CREATED, UPDATED),
    reader="list",
)
T = TypeVar("T")
NOON = datetime(2026, 1, 5, 12)


class ListCursor(Document, Cursor, frozen=True, kw_only=True, tag_field="reader", tag="list"):
    """How many rows of the list were read."""

    position: int
    columns: str = "rate"
    count: int | None = None
    read_for: dict[str, str] | None = None
    looked_at: datetime | None = None


@dataclass
class ListChanges:
    rows: list[str]
    since: int
    reason: str | None = None

    def count(self, keys: Sequence[int]) -> int:
        return len(self.rows) - self.since

    def read(self, keys: Sequence[int], on_frame: Callable[[Frame], None]) -> None:
        numbers = range(self.since, len(self.rows))
        columns = {
            "rate_id": pd.array(numbers, "Int32"),
            "pair": pd.Series(self.rows[self.since :], dtype="str"),
            "created_at": pd.Series([NOON] * len(numbers), dtype="datetime64[us]"),
            "last_updated": pd.Series([NOON] * len(numbers), dtype="datetime64[us]"),
            UNREADABLE: pd.Series([None] * len(numbers), dtype="str"),
        }
        if numbers:
            on_frame(pd.DataFrame(columns))

    def next_cursor(self, read_for: dict[str, str]) -> ListCursor:
        return ListCursor(position=len(self.rows), read_for=read_for, looked_at=NOON)


class ListSession:
    durability_problem = None

    def __init__(self, source: "ListReader") -> None:
        self.source = source
        self.snapshot = Snapshot(taken_at=NOON)

    def take_lock(self, stack: str, patience_s: float, sleep: Sleep) -> bool:
        return True

    def begin(self, timeout_s: int, tables: Sequence[SourceTable]) -> None:
        assert list(tables) == self.source.tables
        if self.source.on_begin:
            self.source.on_begin()

    def view(self, table: SourceTable) -> TableView:
        return TableView(dict.fromkeys(("rate_id", "pair", "created_at", "last_updated"), "json"), "rate")

    def describe(self, name: str) -> TableDescription | None:
        return None

    def undeclared_tables(self) -> list[str]:
        return []

    def reason_for_full(self, table: SourceTable, cursor: ListCursor) -> str | None:
        return None

    def changes(self, table: SourceTable, cursor: ListCursor | None, *, changed_only: bool) -> ListChanges:
        return ListChanges(self.source.rows, cursor.position if cursor else 0)

    def count(self, target: Target) -> int:
        return len(self.source.rows)

    def guarded(self, read: Callable[[], T], timeout_s: float | None = None) -> T:
        try:
            return read()
        except ServiceUnavailable:
            raise
        except Exception as error:
            raise table_error(error) from error

    def limit(self, seconds: float) -> None:
        pass

    def end(self) -> None:
        pass

    def wait_durable(self, sleep: Sleep) -> None:
        if self.source.error_at == "wait_durable":
            raise NotYet("list: not yet durable")


@dataclass
class ListReader:
    rows: list[str] = field(default_factory=lambda: ["EUR/GBP", "EUR/USD"])
    error_at: str = ""
    on_begin: Callable[[], None] | None = None
    tables: list[SourceTable] = field(default_factory=lambda: [RATES])
    name: str = "list"

    @contextmanager
    def open(self) -> Iterator[ListSession]:
        if self.error_at == "open":
            raise ServiceUnavailable("list", "opening it", "gone")
        yield ListSession(self)


@dataclass
class Both:
    """A stack that reads both sources."""

    stack: Stack
    rates: ListReader

    def extract(self, request: ExtractRequest | None = None) -> ExtractResult:
        outside = self.stack.outside()
        return extract(request or ExtractRequest(), replace(outside, readers=(*outside.readers, self.rates)))

    def record(self, run: int) -> RunRecord:
        return self.stack.record(run)


@pytest.fixture
def both(totesys: Database, ingestion: S3Bucket, monkeypatch: pytest.MonkeyPatch) -> Both:
    monkeypatch.setitem(TABLES, "rate", RATES)
    return Both(Stack(totesys, ingestion, Heard()), ListReader())


@pytest.fixture
def owner(totesys: Database) -> pg8000.native.Connection:
    return totesys.owner()


def test_both_sources_come_in_one_run_each_with_its_own_cursor(both: Both, owner: pg8000.native.Connection) -> None:
    currency(owner, 1)
    assert both.extract().rows == 3
    record = both.record(1)
    assert set(record.changed) == set(TABLES)
    assert (both.stack.rows(1, "currency"), both.stack.rows(1, "rate")) == ([1], [0, 1])
    written = json.loads(both.stack.ingestion.get(keys.run_key(1)))["tables"]
    assert (written["rate"]["cursor"]["reader"], written["currency"]["cursor"]["reader"]) == ("list", "postgresql")
    # The run's moment is the earlier of the two, and the ids are PostgreSQL's.
    assert record.snapshot.taken_at == NOON and record.snapshot.xmin


def test_each_continues_at_its_own_cursor(both: Both, owner: pg8000.native.Connection) -> None:
    both.extract()
    assert both.extract().run is None
    both.rates.rows.append("EUR/CHF")
    both.extract()
    assert both.record(2).changed == ("rate",) and both.stack.rows(2, "rate") == [2]
    currency(owner, 1)
    both.extract()
    assert both.record(3).changed == ("currency",)
    rate = both.record(3).tables["rate"].cursor
    assert isinstance(rate, ListCursor) and rate.position == 3
    assert isinstance(both.record(3).tables["currency"].cursor, PostgresCursor)


@pytest.mark.parametrize("error_at", ["open", "wait_durable"])
def test_when_the_second_source_fails_postgresql_goes_on(
    both: Both, owner: pg8000.native.Connection, error_at: str
) -> None:
    both.extract()
    before = both.record(1).tables["rate"]
    currency(owner, 1)
    both.rates.rows.append("EUR/CHF")
    both.rates.error_at = error_at
    with pytest.raises((ServiceUnavailable, NotYet), match="list: "):
        both.extract()
    record = both.record(2)
    assert record.changed == ("currency",)
    assert (record.tables["rate"].cursor, record.tables["rate"].batch) == (before.cursor, None)
    health = json.loads(both.stack.ingestion.get(keys.EXTRACT_HEALTH))
    assert list(health["postponed"]) == ["rate"] and health["held"] == {}
    both.rates.error_at = ""
    both.extract()
    assert both.stack.rows(3, "rate") == [2]


@pytest.mark.parametrize("failure", ["no server", "lost in the midst"])
def test_when_postgresql_fails_the_second_source_goes_on(
    both: Both, owner: pg8000.native.Connection, failure: str
) -> None:
    both.extract()
    currency(owner, 1)
    both.rates.rows.append("EUR/CHF")
    totesys = both.stack.totesys

    def connect_to_nobody() -> Connection:
        return connect("source", msgspec.structs.replace(totesys.login(), port=1), ca="", plaintext=True, timeout_s=5)

    def cut() -> None:
        with totesys.server.superuser() as admin:
            admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'totestream_extract'")

    both.rates.on_begin = cut if failure == "lost in the midst" else None
    postgres = PostgresReader(connect_to_nobody if failure == "no server" else totesys.connect)
    with pytest.raises(ServiceUnavailable, match="source"):
        extract(ExtractRequest(), replace(both.stack.outside(), readers=(postgres, both.rates)))
    both.rates.on_begin = None
    record = both.record(2)
    assert record.changed == ("rate",) and record.snapshot == Snapshot(taken_at=NOON)
    assert record.tables["currency"].cursor == both.record(1).tables["currency"].cursor
    both.extract()
    assert both.record(3).changed == ("currency",)


def test_preview_and_catalogue_show_both(both: Both) -> None:
    outside = both.stack.outside()
    outside = replace(outside, readers=(*outside.readers, both.rates))
    [run] = preview(ExtractRequest(), outside)["runs"]
    assert {each["table"]: each["rows"] for each in run["tables"]}["rate"] == 2
    shown = {each["table"]: each for each in compare(outside)["tables"]}
    assert shown["rate"]["problem"] is None and set(shown) == set(TABLES)


def test_a_table_of_a_reader_that_there_is_not_is_held(both: Both) -> None:
    both.stack.extract()
    hold = both.record(1).tables["rate"].hold
    assert hold and hold.reason == "there is no reader list: correct shared/catalogue.py"
    shown = {each["table"]: each["problem"] for each in compare(both.stack.outside())["tables"]}
    assert shown["rate"] == hold.reason
    assert set(both.record(1).changed) == set(TABLES) - {"rate"}


def test_a_table_that_changes_its_reader_is_read_whole(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor of the reader before says nothing to the new one."""
    both.extract()
    moved = replace(RATES, reader="other")
    monkeypatch.setitem(TABLES, "rate", moved)
    both.rates.name, both.rates.tables = "other", [moved]
    both.extract()
    batch = both.record(2).tables["rate"].batch
    assert batch and (batch.mode, batch.reason, batch.rows) == ("full", "first read", 2)


@pytest.mark.parametrize("reader", [b'"other"', b"[]", b"7", b"null"])
def test_a_cursor_of_an_unknown_reader_is_named(both: Both, reader: bytes) -> None:
    both.extract()
    body = both.stack.ingestion.get(keys.run_key(1)).replace(b'"reader":"list"', b'"reader":' + reader)
    with pytest.raises(BadDocument, match="a reader that this code does not know"):
        decode(body, RunRecord, "runs/1")
