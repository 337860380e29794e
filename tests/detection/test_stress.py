"""Whatever writers do, each version of a row that a run's snapshot could see is read once, and none is lost."""

from collections.abc import Callable

import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from tests.detection.readings import stress
from tests.soak import also_in_soak


@pytest.mark.parametrize("seconds", also_in_soak([15], [300]))
def test_every_version_is_read_once_and_the_usual_ways_lose_rows(
    trading: Database, ingestion: S3Bucket, seconds: int, record_property: Callable[[str, object], None]
) -> None:
    record_property("summary", f"detection: {stress(trading, ingestion, seconds)}")
