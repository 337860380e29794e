"""Databases are spoken to without TLS on the local stack alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from handlers import inspect, load, migrate
from handlers.databases import open_with_kept_login
from handlers.invocation import Invocation
from ops.settings.declarations import example_values
from ops.settings.rules import check
from ops.settings.setting import InvalidSetting
from shared.errors import BadSetting
from shared.settings import Settings

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parent.parent
LOCAL = (
    "http://127.0.0.1:4566",
    "https://127.0.0.1:4566/",
    "http://127.255.0.9",
    "http://localhost:4566",
    "http://localhost",
    "http://[::1]:4566",
)
ELSEWHERE = (
    "",
    "http://127.0.0.1.evil.com",
    "http://127.0.0.1.evil.com:4566",
    "http://localhost.evil.com",
    "http://localhost@evil.com",
    "http://localhost:80@evil.com",
    "http://127.0.0.1@evil.com:4566/",
    "http://evil.com/127.0.0.1",
    "http://evil.com#http://localhost",
    "http://evil.com\\@localhost",
    "http://localhost\\@evil.com",
    "http://localhost/@evil.com",
    "http://localhost:4566\nhttp://evil.com",
    "http://evil.com\nhttp://localhost:4566",
    " http://localhost",
    "http://localhost ",
    "http://localhost.",
    "http://notlocalhost",
    "http://LOCALHOST\u2024evil.com",
    "http://localho\u017ft",
    "http://127.0.0.256",
    "http://127.0.0.1.1",
    "http://127.0.0.\u0661",
    "http://1270.0.0.1",
    "http://128.0.0.1",
    "http://0.0.0.0:4566",
    "http://10.0.0.1",
    "http://169.254.169.254",
    "http://[::]:4566",
    "http://[::ffff:10.0.0.1]",
    "http://[2001:db8::1]",
    "http://host.docker.internal:4566",
    "ftp://localhost",
    "localhost:4566",
    "https://sqs.eu-west-2.amazonaws.com",
)


def settings(endpoint: str, **more: str) -> Settings:
    return Settings({"DATABASE_PLAINTEXT": "yes", "AWS_ENDPOINT_URL": endpoint, **more})


@pytest.mark.parametrize("endpoint", LOCAL)
def test_a_function_of_the_local_stack_takes_it(endpoint: str) -> None:
    assert settings(endpoint).plaintext


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_a_function_elsewhere_refuses_it(endpoint: str) -> None:
    with pytest.raises(BadSetting, match="DATABASE_PLAINTEXT is yes.* AWS_ENDPOINT_URL .*set DATABASE_PLAINTEXT=no"):
        _ = settings(endpoint).plaintext


@pytest.mark.parametrize("endpoint", [*LOCAL, *ELSEWHERE])
def test_every_script_judges_alike(endpoint: str) -> None:
    values = example_values() | {"WAREHOUSE_READER_SECRET": "reader"}
    values |= {"DATABASE_PLAINTEXT": "yes", "AWS_ENDPOINT_URL": endpoint}
    if endpoint in LOCAL:
        check(values)
    else:
        with pytest.raises(InvalidSetting, match="DATABASE_PLAINTEXT is yes, which is for the local stack"):
            check(values)


def test_together_with_an_authority_it_is_a_contradiction() -> None:
    with pytest.raises(BadSetting, match="DATABASE_PLAINTEXT is yes, and DATABASE_CA asks for TLS"):
        _ = settings(LOCAL[0], DATABASE_CA="database-ca.pem").plaintext


@pytest.mark.parametrize("word", ["no", "", "YES", "true", "1", "yes "])
def test_what_is_not_yes_is_no(word: str) -> None:
    assert not Settings({"DATABASE_PLAINTEXT": word}).plaintext


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


FUNCTIONS: dict[str, Callable[[Invocation], object]] = {
    "extract": lambda call: open_with_kept_login("source", call.settings["SOURCE_SECRET"], call, {}),
    "inspect": lambda call: inspect.answer({"do": "used"}, call),
    "load": lambda call: load.load({}, call),
    "migrate": lambda call: migrate.migrate({}, call),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_connects_so_elsewhere(name: str, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it ask whether there is a server."""
    monkeypatch.setattr("socket.create_connection", None)
    manager: Any = boto3.client("secretsmanager")
    login = '{"host": "db.invalid", "port": 5432, "dbname": "d", "username": "u", "password": "p"}'
    manager.create_secret(Name="a", SecretString=login)
    names = {"PROJECT": "totestream", "STAGE": "test", "AWS_REGION": "eu-west-2", "ACCOUNT_ID": "123456789012"}
    secrets = {f"{each}_SECRET": "a" for each in ("SOURCE", "WAREHOUSE", "WAREHOUSE_OWNER", "WAREHOUSE_READER")}
    told = settings("https://sts.eu-west-2.amazonaws.com", WAREHOUSE_SCHEMA="star", **names, **secrets)
    with pytest.raises(BadSetting, match="DATABASE_PLAINTEXT is yes"):
        FUNCTIONS[name](Invocation(told, Context()))


def test_no_advice_suggests_it() -> None:
    """It stands where it is a rule, and in what makes the local stack's settings."""
    yes = re.compile("""DATABASE_PLAINTEXT["']?[:=] ?["']?yes""")
    told = [
        path.relative_to(ROOT).as_posix()
        for folder in ("infra_bash", "shared", "handlers", "docs", "local")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sh", ".md") and yes.search(path.read_text())
    ]
    told += [name for name in ("README.md", "CONTRIBUTING.md") if "DATABASE_PLAINTEXT" in (ROOT / name).read_text()]
    assert sorted(told) == ["docs/reliability.md", "docs/security.md", "local/README.md", "local/settings.py"]
