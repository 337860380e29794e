"""A text above the bound never leaves the server; its row arrives without it, and says so."""

import pg8000.native
import pytest

from benchmarks.memory import measured
from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.columns import LONGEST_TEXT, UNREADABLE
from shared.frames import Frame
from tests.road.road import Heard
from tests.shared.source.test_extract import STAMP, Stack

pytestmark = pytest.mark.fast

# Without the bound it costs four times its length.
HUGE = 100_000_000


@pytest.fixture
def stack(totesys: Database, ingestion: S3Bucket) -> Stack:
    return Stack(totesys, ingestion, Heard())


@pytest.fixture
def owner(totesys: Database) -> pg8000.native.Connection:
    return totesys.owner()


def design(owner: pg8000.native.Connection, key: int, name: str, location: str) -> None:
    owner.run(f"INSERT INTO design VALUES ({key}, {STAMP}, {name}, {location}, 'f', {STAMP})")


def designs(stack: Stack, run: int) -> Frame:
    batch = stack.record(run).tables["design"].batch
    assert batch is not None and len(batch.parts) == 1
    return stack.frame("design", batch.parts[0].key, batch.parts[0].sha256).set_index("design_id").sort_index()


@pytest.mark.parametrize("storage", ["extended", "external"])
def test_a_text_at_the_bound_arrives_and_one_byte_more_does_not(
    stack: Stack, owner: pg8000.native.Connection, storage: str
) -> None:
    owner.run(f"ALTER TABLE design ALTER file_location SET STORAGE {storage}")
    design(owner, 1, "'at it'", f"repeat('é', {LONGEST_TEXT // 2})")
    design(owner, 2, "'above it'", f"repeat('é', {LONGEST_TEXT // 2}) || 'x'")
    design(owner, 3, "'short'", "'x'")
    stack.extract()
    found = designs(stack, 1)
    assert found["design_name"].tolist() == ["at it", "above it", "short"]
    assert found["file_location"].fillna("").str.len().tolist() == [LONGEST_TEXT // 2, 0, 1]
    assert found[UNREADABLE].fillna("").tolist() == ["", "file_location:too_long", ""]


def test_every_text_of_a_row_may_be_too_long_also_in_a_delta(stack: Stack, owner: pg8000.native.Connection) -> None:
    owner.run(f"INSERT INTO transaction VALUES (1, 'SALE', NULL, NULL, {STAMP}, {STAMP})")
    design(owner, 1, "'n'", "'l'")
    stack.extract()
    too_long = f"repeat('x', {LONGEST_TEXT + 1})"
    design(owner, 2, too_long, too_long)
    owner.run(f"UPDATE design SET last_updated = 'infinity', file_name = {too_long} WHERE design_id = 2")
    stack.extract()
    assert designs(stack, 2)[UNREADABLE].fillna("").tolist() == [
        "",
        "last_updated,design_name:too_long,file_location:too_long,file_name:too_long",
    ]


def test_a_huge_text_costs_extract_no_memory(stack: Stack, owner: pg8000.native.Connection) -> None:
    design(owner, 1, "'n'", "'l'")
    _, without = measured(stack.extract)
    owner.run(f"UPDATE design SET file_location = repeat('x', {HUGE})")
    _, with_it = measured(stack.extract)
    assert with_it - without < 50
