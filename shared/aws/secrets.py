"""Read and write the secrets: database logins and Slack's webhook."""

from typing import Any, TypeVar

import msgspec

from shared.aws.clients import called, client
from shared.errors import BadDocument, BadSetting
from shared.json import decode_json

S = TypeVar("S", bound=msgspec.Struct)


class Login(msgspec.Struct, frozen=True):
    """A secret's JSON: the connection parameters of one database."""

    host: str
    port: int
    dbname: str
    username: str
    password: str

    @property
    def problem(self) -> str | None:
        """Return why this login cannot be used: the field's name, never its value; None when it can."""
        if not self.host or any(sign.isspace() for sign in self.host):
            return "its host is empty" if not self.host else "its host has a blank in it"
        if any(sign in self.host for sign in "/@,") or self.host.count(":") == 1:
            return "its host is more than a name: no scheme, port or path belongs there"
        if not 0 < self.port < 65536:
            return "its port is not one of 1 to 65535"
        for field in ("dbname", "username"):
            if not getattr(self, field):
                return f"its {field} is empty"
        for field in ("host", "dbname", "username", "password"):
            if "\0" in getattr(self, field):
                return f"its {field} has a NUL character in it, which PostgreSQL does not take"
        return None

    def __repr__(self) -> str:
        return f"Login({self.username}@{self.host}:{self.port}/{self.dbname})"


class Webhook(msgspec.Struct, frozen=True):
    """A secret's JSON. `url` is all that is needed to write to the channel."""

    url: str

    def __repr__(self) -> str:
        return "Webhook(url=…)"


def get_login(secret: str, secrets_manager: Any = None) -> Login:
    """Return the login in `secret`. Raises BadSetting, with the field's name and never its content, if it is none."""
    form = '{"host", "port", "dbname", "username", "password"}'
    login = _decoded(secret, Login, "a login", form, secrets_manager)
    if login.problem:
        raise BadSetting(f"secret {secret}", f"is not a login ({login.problem})", "correct it: deploy.sh --put-secrets")
    return login


def find_login(secret: str, secrets_manager: Any = None) -> Login | None:
    """Return the login in `secret`, None when it holds no usable one."""
    try:
        return get_login(secret, secrets_manager)
    except BadSetting:
        return None


def put_login(secret: str, login: Login, secrets_manager: Any = None) -> None:
    manager = secrets_manager or client("secretsmanager")
    text = msgspec.json.encode(login).decode()
    called(
        "Secrets Manager",
        f"writing secret {secret}",
        lambda: manager.put_secret_value(SecretId=secret, SecretString=text),
    )


def get_webhook(secret: str, secrets_manager: Any = None) -> Webhook:
    """Return the webhook in `secret`. Raises BadSetting, as `get_login`."""
    return _decoded(secret, Webhook, "Slack's webhook", '{"url"}', secrets_manager)


def _decoded(secret: str, kind: type[S], what: str, form: str, secrets_manager: Any) -> S:
    manager = secrets_manager or client("secretsmanager")
    answer = called("Secrets Manager", f"reading secret {secret}", lambda: manager.get_secret_value(SecretId=secret))
    try:
        document = decode_json(answer.get("SecretString", ""), dict[str, Any], f"secret {secret}")
    except BadDocument:
        # Its message could repeat a part of the secret.
        document = {}
    misfits = [field.name for field in msgspec.structs.fields(kind) if not _fits(document, field)]
    if misfits:
        fix = f"it must be JSON {form}: deploy.sh --put-secrets"
        problem = f"its {misfits[0]} is missing or of another type" if document else "it is no JSON object"
        raise BadSetting(f"secret {secret}", f"is not {what} ({problem})", fix)
    return msgspec.convert(document, kind, strict=False)


def _fits(document: dict[str, Any], field: msgspec.structs.FieldInfo) -> bool:
    try:
        # A port may be written as text in secrets made by hand.
        msgspec.convert(document[field.name], field.type, strict=False)
    except (KeyError, msgspec.ValidationError):
        return False
    return True
