import pytest

from conftest import Database, made_with_tables
from local.postgres import Server
from shared.aws.bucket import S3Bucket
from tests.shared.load.ground import TARGETS, Ground


@pytest.fixture(scope="session")
def with_tables(server: Server, passwords: dict[str, str]) -> str:
    return made_with_tables(server, passwords, "ground_with_tables", TARGETS)


@pytest.fixture
def ground(migrated: Database, ingestion: S3Bucket, processed: S3Bucket) -> Ground:
    """An empty, migrated warehouse and empty buckets."""
    return Ground(migrated, ingestion, processed)
