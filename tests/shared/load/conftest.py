from collections.abc import Iterator

import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from tests.shared.load.ground import Ground


@pytest.fixture
def ground(warehouse: Database, ingestion: S3Bucket, processed: S3Bucket) -> Iterator[Ground]:
    """An empty, migrated warehouse and empty buckets."""
    ground = Ground(warehouse, ingestion, processed)
    ground.migrate()
    yield ground
