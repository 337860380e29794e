"""The edges of load and migrate: settings, secrets and events in, facts and log lines out."""

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from conftest import Database, made_bucket
from handlers import load, migrate
from local import logins
from shared.aws.functions import LambdaFunctions
from shared.aws.secrets import Login
from shared.errors import BadSetting, ServiceRefused, ServiceUnavailable
from shared.lake import keys

SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "test",
    "ACCOUNT_ID": "123456789012",
    "WAREHOUSE_SECRET": "the/loader",
    "WAREHOUSE_OWNER_SECRET": "the/owner",
    "WAREHOUSE_READER_SECRET": "the/reader",
    "WAREHOUSE_SCHEMA": "project_team_1",
    "REASK_AFTER_S": "600",
    "DATABASE_CA": "",
    "DATABASE_PLAINTEXT": "yes",
    # What lets a database be without TLS. boto3 looks past it, and so finds moto.
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
}
RINGS: list[Any] = [
    {},
    {"source": "aws.events", "detail-type": "Scheduled Event"},
    {"Records": [{"s3": {"object": {"key": "manifests/00000001/dim_date.json"}}}]},
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "totestream-test-processed-123456789012"},
]


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def stack(warehouse: Database, aws: None, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A deployed stack whose warehouse has no tables yet."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    for noun in ("ingestion", "processed"):
        made_bucket(f"totestream-test-{noun}-123456789012")
    keep("the/loader", warehouse.login())
    keep("the/owner", warehouse.login(logins.WAREHOUSE_OWNER))
    keep("the/reader", None)
    return warehouse


def keep(secret: str, login: Login | None) -> None:
    """None is what deploy.sh makes of the reader's."""
    manager: Any = boto3.client("secretsmanager")
    names = ("host", "port", "dbname", "username", "password")
    text = json.dumps({name: getattr(login, name) for name in names}) if login else "{}"
    if secret in [one["Name"] for one in manager.list_secrets()["SecretList"]]:
        manager.put_secret_value(SecretId=secret, SecretString=text)
    else:
        manager.create_secret(Name=secret, SecretString=text)


def logged(capsys: pytest.CaptureFixture[str]) -> Mapping[str, Any]:
    """The last line: one outcome, one line."""
    line: Mapping[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return line


@pytest.mark.parametrize("event", RINGS)
def test_whatever_rings_it_looks(stack: Database, event: Any) -> None:
    migrate.handler({}, Context())
    assert load.handler(event, Context()) == {
        "run": 0,
        "complete_run": 0,
        "loaded": 0,
        "waiting": {},
        "refused": [],
    }
    s3: Any = boto3.client("s3")
    assert s3.get_object(Bucket="totestream-test-ingestion-123456789012", Key=keys.LOAD_HEALTH)


def test_twice_is_once(stack: Database) -> None:
    assert migrate.handler({}, Context())["did"]
    assert migrate.handler({}, Context()) == {"did": [], "notes": [], "counts": {}}


def test_an_unreachable_warehouse_is_one_line_and_an_error(stack: Database, capsys: pytest.CaptureFixture[str]) -> None:
    keep("the/loader", replace_port(stack.login()))
    with pytest.raises(ServiceUnavailable):
        load.handler({}, Context())
    line = logged(capsys)
    assert (line["level"], line["message"], line["error"]) == ("warning", "load failed", "ServiceUnavailable")
    assert "127.0.0.1:1/" in line["reason"]


def test_a_wrong_password_says_what_mends_it(stack: Database, capsys: pytest.CaptureFixture[str]) -> None:
    login = stack.login()
    keep("the/loader", Login(login.host, login.port, login.dbname, login.username, "wrong"))
    with pytest.raises(ServiceRefused):
        load.handler({}, Context())
    line = logged(capsys)
    assert line["level"] == "error"
    assert "deploy.sh --put-secrets" in line["reason"]
    assert "wrong" not in line["reason"]


def test_a_rotated_password_costs_no_run(stack: Database) -> None:
    """The server refuses the login that the warm function has kept."""
    migrate.handler({}, Context())
    load.handler({}, Context())
    login = stack.login()
    with stack.server.superuser() as admin:
        admin.run(f"ALTER ROLE {login.username} PASSWORD 'rotated'")
        try:
            keep("the/loader", Login(login.host, login.port, login.dbname, login.username, "rotated"))
            assert load.handler({}, Context())["run"] == 0
        finally:
            admin.run(f"ALTER ROLE {login.username} PASSWORD '{login.password}'")
    keep("the/loader", login)
    assert load.handler({}, Context())["run"] == 0


def test_who_asks_is_told_of_a_secret_that_was_just_changed(stack: Database) -> None:
    """deploy.sh --put-secrets ends with a proof: it must not go by the login that was kept."""
    migrate.handler({}, Context())
    load.handler({}, Context())
    keep("the/loader", replace_port(stack.login()))
    load.handler({}, Context())
    with pytest.raises(ServiceUnavailable):
        load.handler({"do": "load"}, Context())


def test_a_missing_setting_is_named(stack: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_SCHEMA")
    for handler in (load.handler, migrate.handler):
        with pytest.raises(BadSetting, match="WAREHOUSE_SCHEMA"):
            handler({}, Context())


def test_no_connection_stays_behind(stack: Database) -> None:
    migrate.handler({}, Context())
    load.handler({}, Context())
    others = "SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    owner, deadline = stack.owner(), time.monotonic() + 10
    # A server process ends a moment after its connection.
    while (left := owner.run(others)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_function_that_is_not_there_is_an_error(aws: None) -> None:
    with pytest.raises(ServiceRefused):
        LambdaFunctions().invoke_later("totestream-test-migrate", {"do": "migrate"})


def replace_port(login: Login) -> Login:
    """Where nobody listens."""
    return Login(login.host, 1, login.dbname, login.username, login.password)
