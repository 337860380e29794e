"""One table's trouble is one table's: whatever is raised while it is read, the other ten go on."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pg8000.native
import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES
from shared.errors import CorruptObject, NotYet, ServiceUnavailable
from shared.lake import keys
from shared.postgres.connection import Connection
from shared.source.database import Draining
from shared.source.extract import extract
from shared.source.health import ExtractHealth
from shared.source.request import ExtractRequest
from shared.source.run import KEPT_FOR_EACH_S, RESERVE_S
from tests.road.road import Heard
from tests.shared.source.test_extract import Stack, currency

MB = 1_000_000
# A frame is handed over at 16 MB: the second of these rows ends one, the third comes after the error.
LONG_DESIGNS = f"""
    INSERT INTO design SELECT n, now(), 'n', repeat('x', {9 * MB}), 'f', now() FROM generate_series(1, 3) AS n"""


@dataclass
class Troubled(S3Bucket):
    """A bucket that does not take the parts of one table."""

    bucket: S3Bucket
    table: str
    trouble: Callable[[], None]

    def __post_init__(self) -> None:
        super().__init__(self.bucket.name)

    def create(self, key: str, body: bytes) -> bool:
        if f"/{self.table}/" in key:
            self.trouble()
        return super().create(key, body)


def nothing() -> None:
    """No trouble."""


def raising(error: BaseException) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


@pytest.fixture
def stack(totesys: Database, ingestion: S3Bucket) -> Stack:
    return Stack(totesys, Troubled(ingestion, "design", nothing), Heard())


@pytest.fixture
def owner(totesys: Database) -> pg8000.native.Connection:
    return totesys.owner()


def troubled(stack: Stack) -> Troubled:
    assert isinstance(stack.ingestion, Troubled)
    return stack.ingestion


def trouble(stack: Stack, error: BaseException) -> None:
    troubled(stack).trouble = raising(error)


def health(stack: Stack) -> ExtractHealth:
    return msgspec.json.decode(stack.ingestion.get(keys.EXTRACT_HEALTH), type=ExtractHealth)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a row's value"),
        KeyError("a row's value"),
        MemoryError("a row's value"),
        RecursionError("a row's value"),
        OSError("a row's value"),
        UnicodeDecodeError("utf-8", b"a row's value", 0, 1, "a row's value"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unforeseen_error_in_the_midst_of_a_copy_holds_its_table_alone(
    stack: Stack, owner: pg8000.native.Connection, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    currency(owner, 1)
    stack.extract()
    before = stack.record(1).tables["design"]
    owner.run(LONG_DESIGNS)
    owner.run("UPDATE currency SET currency_code = 'EUR'")
    trouble(stack, error)
    stack.extract()
    record, name = stack.record(2), type(error).__name__
    held = record.tables["design"]
    assert held.hold is not None and name in held.hold.reason and "value" not in held.hold.reason
    assert (held.cursor, held.full_run, held.batch) == (before.cursor, before.full_run, None)
    assert record.changed == ("currency",)
    logged = capsys.readouterr().out
    assert f'"error": "{name}", "at": "parts.py:' in logged and "value" not in logged
    # The same again makes no further record; once it is mended all of it comes.
    assert stack.extract().run is None
    troubled(stack).trouble = nothing
    stack.extract()
    assert stack.record(3).tables["design"].hold is None
    assert stack.rows(3, "design") == [1, 2, 3]


def test_an_error_of_ours_holds_its_table_with_its_words(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(LONG_DESIGNS)
    trouble(stack, CorruptObject("binary COPY", "a row is longer than its fields"))
    stack.extract()
    hold = stack.record(1).tables["design"].hold
    assert hold is not None and hold.reason == "binary COPY is corrupt: a row is longer than its fields"
    assert set(stack.record(1).changed) == set(TABLES) - {"design"}


def test_an_error_of_s3_ends_the_run_and_commits_nothing(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(LONG_DESIGNS)
    trouble(stack, ServiceUnavailable("S3", "creating a part", "SlowDown"))
    with pytest.raises(ServiceUnavailable, match="S3"):
        stack.extract()
    assert stack.log.newest() is None


def test_a_lost_connection_ends_the_run_and_commits_nothing(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(LONG_DESIGNS)

    def cut() -> None:
        with stack.totesys.server.superuser() as admin:
            admin.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'totestream_extract'")

    troubled(stack).trouble = cut
    with pytest.raises(ServiceUnavailable, match="source"):
        stack.extract()
    assert stack.log.newest() is None


def test_a_table_that_someone_has_locked_is_postponed_and_told_in_the_health(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    currency(owner, 1)
    other = stack.totesys.owner()
    other.run("BEGIN; LOCK TABLE currency")
    stack.extract(ExtractRequest(cause="count", count=True))
    record, postponed = stack.record(1), health(stack).postponed
    assert set(record.changed) == set(TABLES) - {"currency"}
    # Its rows are not counted either, which would wait for the lock again, and those of the others are.
    assert record.expected is not None and record.expected["dim_staff"] == 0 and "dim_currency" not in record.expected
    assert list(postponed) == ["currency"]
    assert (postponed["currency"].looks, "55P03" in postponed["currency"].reason) == (1, True)
    other.run("COMMIT")
    stack.extract()
    assert stack.rows(2, "currency") == [1]
    assert health(stack).postponed == {}


def test_a_postponed_table_is_counted_from_look_to_look_and_makes_no_run(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    stack.extract()
    owner.run(LONG_DESIGNS)
    trouble(stack, NotYet("not now"))
    looks = [replace(stack.outside(), now=lambda at=datetime(2026, 1, 5, 9, n, tzinfo=UTC): at) for n in (1, 2, 3)]  # type: ignore[misc]
    for number, outside in enumerate(looks, start=1):
        assert extract(ExtractRequest(), outside).run is None
        found = health(stack).postponed["design"]
        assert (found.looks, found.since, found.reason) == (number, datetime(2026, 1, 5, 9, 1, tzinfo=UTC), "not now")
    assert health(stack).held == {}


@dataclass
class Recording(Connection):
    """Remembers its statements."""

    made: Connection
    statements: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.made.database, self.made._native)

    def run(self, sql: str, **params: object) -> list[list[Any]]:
        self.statements.append(sql)
        return super().run(sql, **params)


def test_each_table_leaves_time_for_those_after_it(stack: Stack) -> None:
    recording = Recording(stack.totesys.connect())
    extract(ExtractRequest(), replace(stack.outside(), open_source=lambda: recording, time_left_s=lambda: 100.0))
    reading = [statement for statement in recording.statements if "BEGIN" not in statement]
    limits = re.findall(r"SET LOCAL statement_timeout = '(\w+)'", "\n".join(reading))
    last = 100 - RESERVE_S
    # Once before the table is looked at, and once before it is copied.
    expected = [last - KEPT_FOR_EACH_S * later for later in reversed(range(len(TABLES))) for _ in range(2)]
    assert limits == [f"{seconds}s" for seconds in expected]


def test_a_sink_that_failed_is_given_nothing_more() -> None:
    class Sink:
        seen = 0

        def write(self, data: bytes) -> None:
            self.seen += 1
            raise ValueError

        def close(self) -> None:
            raise AssertionError("it has failed")

    sink = Sink()
    draining = Draining(sink)  # type: ignore[arg-type]
    for _ in range(3):
        draining.write(b"row")
    with pytest.raises(ValueError):
        draining.close()
    assert sink.seen == 1


def test_an_answer_that_pg8000_cannot_read_closes_the_connection(totesys: Database) -> None:
    """Else the next statement would take the rest of it for its own."""

    class Unreadable:
        def write(self, data: bytes) -> None:
            raise ValueError

    with totesys.connect() as connection:
        with pytest.raises(ValueError):
            connection.copy_out("COPY (SELECT generate_series(1, 9)) TO STDOUT", Unreadable())
        with pytest.raises(ServiceUnavailable):
            connection.run("SELECT 1")
