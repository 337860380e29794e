"""Secrets: read as what they must be, and never shown, neither whole nor in an error."""

import json
from typing import Any

import boto3
import pytest

from shared.aws.secrets import Login, Webhook, get_login, get_webhook
from shared.errors import BadSetting

pytestmark = pytest.mark.fast

LOGIN = {"host": "db.example", "port": 5432, "dbname": "totesys", "username": "reader", "password": "canary"}


@pytest.fixture
def keep(aws: None) -> Any:
    manager: Any = boto3.client("secretsmanager")
    return lambda content: manager.create_secret(Name="the/secret", SecretString=content)


@pytest.mark.parametrize("port", [5432, "5432"])
def test_a_login_may_have_its_port_as_text(port: object, keep: Any) -> None:
    keep(json.dumps(LOGIN | {"port": port}))
    assert get_login("the/secret") == Login("db.example", 5432, "totesys", "reader", "canary")


def test_a_webhook_is_its_url(keep: Any) -> None:
    keep('{"url": "https://hooks.slack.com/services/canary", "note": "of the app totestream"}')
    assert get_webhook("the/secret") == Webhook("https://hooks.slack.com/services/canary")


@pytest.mark.parametrize("content", ["canary", '{"url": ["canary"]}', '{"host": "canary"}', "[]"])
def test_what_is_neither_is_said_without_its_content(content: str, keep: Any) -> None:
    keep(content)
    with pytest.raises(
        BadSetting, match=r'^secret the/secret is not a login \(it.+\); it must be JSON {"host", "port",'
    ) as login:
        get_login("the/secret")
    with pytest.raises(
        BadSetting, match=r"^secret the/secret is not Slack.s webhook \(it.+\); it must be JSON"
    ) as hook:
        get_webhook("the/secret")
    assert "canary" not in f"{login.value} {hook.value}"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("host", "", "its host is empty"),
        ("host", "db.canary ", "its host has a blank in it"),
        ("host", "db.canary\n", "its host has a blank in it"),
        ("host", "postgresql://db.canary", "its host is more than a name"),
        ("host", "db.canary:5432", "its host is more than a name"),
        ("host", ["canary"], "its host is missing or of another type"),
        ("host", None, "its host is missing or of another type"),
        ("port", "canary", "its port is missing or of another type"),
        ("port", 0, "its port is not one of 1 to 65535"),
        ("port", 65536, "its port is not one of 1 to 65535"),
        ("port", 5432.5, "its port is missing or of another type"),
        ("dbname", "", "its dbname is empty"),
        ("dbname", "canary\0", "its dbname has a NUL character in it"),
        ("username", "canary\0", "its username has a NUL character in it"),
        ("username", "", "its username is empty"),
        ("password", "canary\0", "its password has a NUL character in it"),
        ("password", 1234, "its password is missing or of another type"),
    ],
)
def test_a_login_that_cannot_be_used_names_its_field(field: str, value: object, problem: str, keep: Any) -> None:
    keep(json.dumps(LOGIN | {field: value}))
    with pytest.raises(BadSetting, match=f"secret the/secret is not a login .{problem}.*deploy.sh --put-secrets") as it:
        get_login("the/secret")
    assert "canary" not in str(it.value)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"host": "\\ud800"}', '{"host": {"a": ' * 5000])
def test_what_cannot_even_be_read_is_said(content: str, keep: Any) -> None:
    keep(content)
    with pytest.raises(BadSetting, match="is not a login .it is no JSON object"):
        get_login("the/secret")


@pytest.mark.parametrize("host", ["db.example", "10.0.0.1", "fd00::1", "a-b.c_d.rds.amazonaws.com"])
def test_a_host_is_a_name_or_an_address(host: str, keep: Any) -> None:
    keep(json.dumps(LOGIN | {"host": host}))
    assert get_login("the/secret").host == host


def test_no_secret_shows_itself() -> None:
    assert "canary" not in f"{Login('h', 1, 'd', 'u', 'canary')!r} {Webhook('canary')!r}"
