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
        BadSetting, match='^secret the/secret is not a login; it must be JSON {"host", "port",'
    ) as login:
        get_login("the/secret")
    with pytest.raises(BadSetting, match='^secret the/secret is not Slack\'s webhook; it must be JSON {"url"}') as hook:
        get_webhook("the/secret")
    assert "canary" not in f"{login.value} {hook.value}"


def test_no_secret_shows_itself() -> None:
    assert "canary" not in f"{Login('h', 1, 'd', 'u', 'canary')!r} {Webhook('canary')!r}"
