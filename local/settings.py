"""The stack's two files for the product: settings.env, and secrets.env with the databases' logins."""

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from local import folders, logins
from local.errors import LocalError

_SECRETS: Mapping[str, str] = {
    "SOURCE_SECRET_VALUE": logins.EXTRACT,
    "WAREHOUSE_SECRET_VALUE": logins.LOAD,
    "WAREHOUSE_OWNER_SECRET_VALUE": logins.WAREHOUSE_OWNER,
}

# The settings of which the local stack needs other values than the product's defaults. A person may change them in
# settings.env, and add others: the stack keeps what is there.
_CHOICES: Mapping[str, str] = {
    "PROJECT": "totestream",
    "STAGE": "local",
    "AWS_REGION": "eu-west-2",
    "CREATE_ONLY": "no",  # MiniStack does not know s3:if-none-match, and would deny every write
    "TRANSFORMS_AT_ONCE": "2",  # a machine has few cores, and each function is a process
    "SOURCE_SECRET": "totestream-local-source",
    "WAREHOUSE_SECRET": "totestream-local-warehouse",
    "WAREHOUSE_OWNER_SECRET": "totestream-local-warehouse-owner",
    "SLACK_SECRET": "totestream-local-slack",
    "WAREHOUSE_SCHEMA": "project_team_1",
    "COMMAND_OPTIONS": "--local",
    "DATABASE_PLAINTEXT": "yes",  # the wheel's server is built without TLS
}


def chosen(file: Path) -> dict[str, str]:
    """Return the settings of the local stack and those in the file, which win."""
    return {**_CHOICES, **read(file)}


def facts(aws_url: str, key: str, secret: str, slack_url: str) -> dict[str, str]:
    """Return the settings that follow from the machine and the running stack, rewritten at each start."""
    return {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        # MiniStack runs functions on its own interpreter, whatever their runtime says
        "LAMBDA_PYTHON": f"{sys.version_info.major}.{sys.version_info.minor}",
        "LAMBDA_ARCH": architecture(platform.machine()),
        # The secret may contain the real one as well.
        "SLACK_HOSTS": f"hooks.slack.com {slack_url}",
    }


def architecture(machine: str) -> str:
    """Return AWS's name for a machine's processor."""
    return "arm64" if machine.lower() in ("arm64", "aarch64") else "x86_64"


def read(file: Path) -> dict[str, str]:
    """Return the file's KEY=VALUE lines, unquoted as bash does; {} if there is no file."""
    lines = file.read_text().splitlines() if file.exists() else []
    try:
        return dict(_pair(line) for line in lines if _key(line))
    except ValueError as error:
        raise LocalError(f"{file} has a line that bash cannot read either: {error}") from error


def write_settings(file: Path, facts_now: Mapping[str, str]) -> None:
    """Write the file: facts as given, a person's values and comments kept, missing lines added."""
    lines = file.read_text().splitlines() if file.exists() else []
    kept = [line for line in lines if _key(line) not in facts_now]
    missing = {name: value for name, value in _CHOICES.items() if name not in map(_key, lines)}
    fresh = [_line(name, value) for name, value in {**missing, **facts_now}.items()]
    folders.write_private(file, "\n".join([*kept, *fresh]) + "\n")


def write_secrets(file: Path, port: int, passwords: Mapping[str, str], webhook: str) -> None:
    """Write the values of the product's secrets, readable by the owner alone."""
    secrets = {name: json.dumps(_login(login, port, passwords[login])) for name, login in _SECRETS.items()}
    secrets["SLACK_SECRET_VALUE"] = json.dumps({"url": webhook})
    folders.write_private(file, "".join(f"{name}={shlex.quote(value)}\n" for name, value in secrets.items()))


def _login(login: str, port: int, password: str) -> dict[str, str | int]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "dbname": logins.DATABASE_OF[login],
        "username": login,
        "password": password,
    }


def _key(line: str) -> str:
    """Return the name that a line sets, '' for a comment or an empty line."""
    name, equals, _ = line.strip().partition("=")
    return name.removeprefix("export ").strip() if equals and not name.startswith("#") else ""


def _pair(line: str) -> tuple[str, str]:
    return _key(line), "".join(shlex.split(line.partition("=")[2], comments=True)[:1])


def _line(name: str, value: str) -> str:
    return f'{name}="{value}"' if " " in value else f"{name}={value}"
