"""Fixtures that many tests share: one real PostgreSQL, databases of its own for each test, moto's S3 and SNS."""

import functools
import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import boto3
import pg8000.native
import pytest
from moto import mock_aws
from moto.core.base_backend import BaseBackend

from local import logins
from local.postgres import Server, throw_away
from shared.aws.bucket import S3Bucket
from shared.aws.secrets import Login
from shared.load.schema.migrate import migrate
from shared.postgres.connection import Connection, connect
from shared.warehouse.registry import TARGETS, Target

NUMBERS = itertools.count(1)
SCHEMA = "project_team_1"
# pg8000 reads a statement character by character each time it is run with parameters: 3 % of a loader test.
pg8000.native.to_statement = functools.lru_cache(maxsize=1000)(pg8000.native.to_statement)


@dataclass(frozen=True)
class Database:
    """A test's own database: `owner` may do everything in it, `login` is what the product is given."""

    server: Server
    name: str
    owner_name: str
    login_name: str
    passwords: dict[str, str]
    opened: ExitStack = field(default_factory=ExitStack)

    def owner(self) -> pg8000.native.Connection:
        """Closed with the database."""
        connection = self.server.connect(self.owner_name, self.passwords[self.owner_name], self.name)
        self.opened.callback(connection.close)
        return connection

    def login(self, name: str = "") -> Login:
        bearer = name or self.login_name
        return Login("127.0.0.1", self.server.port, self.name, bearer, self.passwords[bearer])

    def connect(self, name: str = "") -> Connection:
        """The product's own connection."""
        role = "source" if self.login_name == logins.EXTRACT else "warehouse"
        return connect(role, self.login(name), ca="", plaintext=True, timeout_s=60)


@pytest.fixture(scope="session")
def passwords() -> dict[str, str]:
    return logins.new_passwords()


@pytest.fixture(scope="session")
def server(passwords: dict[str, str]) -> Iterator[Server]:
    with throw_away() as running:
        logins.prepare(running, passwords)
        yield running


def made_from(server: Server, template: str, owner: str, login: str, passwords: dict[str, str]) -> Iterator[Database]:
    name = f"{template}_{next(NUMBERS)}"
    with server.superuser() as admin:
        admin.run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}")
        admin.run(f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {login}")
    database = Database(server, name, owner, login, passwords)
    with database.opened:
        yield database
    with server.superuser() as admin:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def totesys(server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    """An empty source with its eleven tables."""
    yield from made_from(server, logins.SOURCE, logins.SOURCE_OWNER, logins.EXTRACT, passwords)


@pytest.fixture
def warehouse(server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    """An empty warehouse: a schema, and no tables yet."""
    yield from made_from(server, logins.WAREHOUSE, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)


def made_with_tables(server: Server, passwords: dict[str, str], name: str, targets: Mapping[str, Target]) -> str:
    """A warehouse's database with its tables, made once and copied for each test."""
    with server.superuser() as admin:
        admin.run(f"CREATE DATABASE {name} TEMPLATE {logins.WAREHOUSE} OWNER {logins.WAREHOUSE_OWNER}")
    database = Database(server, name, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)
    with database.connect(logins.WAREHOUSE_OWNER) as owner:
        assert not migrate(owner, SCHEMA, logins.LOAD, targets=targets).notes
    return name


@pytest.fixture(scope="session")
def with_tables(server: Server, passwords: dict[str, str]) -> str:
    return made_with_tables(server, passwords, "warehouse_with_tables", TARGETS)


@pytest.fixture
def migrated(with_tables: str, server: Server, passwords: dict[str, str]) -> Iterator[Database]:
    """A warehouse with its tables, and no rows yet."""
    yield from made_from(server, with_tables, logins.WAREHOUSE_OWNER, logins.LOAD, passwords)


# A client costs 10 ms and a test uses several. moto answers below them, so the same ones serve every test.
CLIENTS: dict[tuple[str, ...], Any] = {}
NEW_CLIENT: Any = boto3.client
AWS_ENVIRONMENT = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION")
# moto formats a service's URL patterns at every call, and imports S3's anew.
URLS: dict[type[BaseBackend], Any] = {}
NEW_URLS: Any = BaseBackend.urls


def shared_client(service: str, *arguments: Any, **options: Any) -> Any:
    """Return the client of this service, configuration and environment, made when it is first needed."""
    if arguments or options.keys() - {"config"}:
        return NEW_CLIENT(service, *arguments, **options)
    configuration = repr(sorted(vars(options["config"]).items())) if "config" in options else ""
    key = (service, configuration, *(os.environ.get(name, "") for name in AWS_ENVIRONMENT))
    if key not in CLIENTS:
        CLIENTS[key] = NEW_CLIENT(service, **options)
    return CLIENTS[key]


def shared_urls(backend: BaseBackend) -> Any:
    """Return the URL patterns of a moto service with their handlers."""
    if type(backend) not in URLS:
        URLS[type(backend)] = NEW_URLS.fget(backend)
    return URLS[type(backend)]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto in place of AWS, whatever the machine's own settings are."""
    monkeypatch.setattr(boto3, "client", shared_client)
    monkeypatch.setattr(BaseBackend, "urls", property(shared_urls))
    # Only botocore calls AWS here; patterns for the library `requests` cost 10 ms a test.
    monkeypatch.setattr("moto.core.models.RESPONSES_METHODS", ())
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "eu-west-2")
    # A new session would read the services' descriptions again: half a second a test.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


def made_bucket(name: str) -> S3Bucket:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    return S3Bucket(name)


@pytest.fixture
def ingestion(aws: None) -> S3Bucket:
    return made_bucket("totestream-test-ingestion-123456789012")


@pytest.fixture
def processed(aws: None) -> S3Bucket:
    return made_bucket("totestream-test-processed-123456789012")
