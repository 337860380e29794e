"""TRUNCATE and a rewriting ALTER make a table look empty to an older snapshot: they must wait until a run has read."""

from dataclasses import replace

import pytest
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection as Native

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.source.extract import extract
from shared.source.request import ExtractRequest
from tests.detection.watching import Watched
from tests.road.road import Heard
from tests.shared.source.test_extract import Stack

pytestmark = pytest.mark.fast

REWRITE = "ALTER TABLE payment ALTER COLUMN payment_amount TYPE numeric(10,2) USING payment_amount + 1"


@pytest.mark.parametrize(("statement", "rows_left"), [("TRUNCATE payment", 0), (REWRITE, 120)])
def test_between_a_run_s_snapshot_and_its_reading(
    trading: Database, ingestion: S3Bucket, statement: str, rows_left: int
) -> None:
    stack, other = Stack(trading, ingestion, Heard()), trading.owner()
    other.run("SET lock_timeout = '100ms'")
    refused = []

    def strike(_: Native) -> None:
        with pytest.raises(DatabaseError, match="lock timeout"):
            other.run(statement)
        refused.append(statement)

    striking = replace(stack.outside(), open_source=lambda: Watched(trading.connect(), strike))
    assert extract(ExtractRequest(), striking).run == 1
    assert refused and len(stack.rows(1, "payment")) == 120
    other.run(statement)
    assert stack.extract().run == 2
    batch = stack.record(2).tables["payment"].batch
    assert batch and (batch.mode, batch.rows) == ("full", rows_left)
