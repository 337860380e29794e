"""Secrets Manager: where the database logins are."""

from typing import Any

import msgspec

from shared.aws.clients import called, client
from shared.errors import BadSetting


class Login(msgspec.Struct, frozen=True):
    """A secret's JSON: how to reach one database."""

    host: str
    port: int
    dbname: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username}@{self.host}:{self.port}/{self.dbname})"


def get_login(secret: str, secrets_manager: Any = None) -> Login:
    """Raises BadSetting, naming the secret and never its content, when it is not a login."""
    manager = secrets_manager or client("secretsmanager")
    answer = called("Secrets Manager", f"reading secret {secret}", lambda: manager.get_secret_value(SecretId=secret))
    try:
        # A port may be written as text in secrets made by hand.
        return msgspec.json.decode(answer.get("SecretString", ""), type=Login, strict=False)
    except msgspec.DecodeError:
        raise BadSetting(
            f"secret {secret}",
            "is not a login",
            'it must be JSON {"host", "port", "dbname", "username", "password"}: deploy.sh --put-secrets',
        ) from None
