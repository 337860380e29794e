"""Secrets Manager: where the database logins are, and Slack's webhook."""

from typing import Any, TypeVar

import msgspec

from shared.aws.clients import called, client
from shared.errors import BadDocument, BadSetting
from shared.lake.documents import decode_json

S = TypeVar("S", bound=msgspec.Struct)


class Login(msgspec.Struct, frozen=True):
    """A secret's JSON: how to reach one database."""

    host: str
    port: int
    dbname: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username}@{self.host}:{self.port}/{self.dbname})"


class Webhook(msgspec.Struct, frozen=True):
    """A secret's JSON: whoever knows `url` may write to the channel."""

    url: str

    def __repr__(self) -> str:
        return "Webhook(url=…)"


def get_login(secret: str, secrets_manager: Any = None) -> Login:
    """Raises BadSetting, naming the secret and never its content, when it is not a login."""
    form = '{"host", "port", "dbname", "username", "password"}'
    return _decoded(secret, Login, "a login", form, secrets_manager)


def get_webhook(secret: str, secrets_manager: Any = None) -> Webhook:
    """Raises BadSetting, as `get_login`."""
    return _decoded(secret, Webhook, "Slack's webhook", '{"url"}', secrets_manager)


def _decoded(secret: str, kind: type[S], what: str, form: str, secrets_manager: Any) -> S:
    manager = secrets_manager or client("secretsmanager")
    answer = called("Secrets Manager", f"reading secret {secret}", lambda: manager.get_secret_value(SecretId=secret))
    try:
        # A port may be written as text in secrets made by hand.
        return decode_json(answer.get("SecretString", ""), kind, secret, strict=False)
    except BadDocument:
        fix = f"it must be JSON {form}: deploy.sh --put-secrets"
        raise BadSetting(f"secret {secret}", f"is not {what}", fix) from None
