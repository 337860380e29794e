"""Check what a deploy needs before it writes anything.

    python -m ops.checks FOLDER SECRETS_FILE

FOLDER holds what infra_bash/lib/checks.sh found out; the settings are in the environment. Prints a line for each check
on stderr; exits with 1 when one has failed.
"""

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ops.secret_values import MADE_BY_MIGRATE, check, file_values
from ops.settings.declarations import SECRETS
from shared.alerts.slack import check_webhook
from shared.aws.secrets import Login, Webhook
from shared.errors import BadDocument, BadSetting, ServiceRefused, ServiceUnavailable
from shared.json import decode_json
from shared.postgres.connection import connect

# .venv and the layer's libraries on AWS. With the local stack a first deploy took 2.5 at its peak, and 1.2 after it.
NEEDED_GB, NEEDED_GB_LOCAL = 1.0, 3.0
# What a new account may run at once. With less, eleven transforms, extract and load would throttle each other.
FEWEST_FUNCTIONS = 10
LOGIN_S = 10.0
SLACK = "SLACK_SECRET"
SOURCE = "SOURCE_SECRET"

Outcome = Literal["ok", "later", "FAILED"]


@dataclass(frozen=True)
class Check:
    """`later` is what only the deployed functions can find out; `text` of a failed one has the fix."""

    outcome: Outcome
    text: str


Values = Mapping[str, str]
Connect = Callable[[str, Login], None]


@dataclass(frozen=True)
class Facts:
    """What was found out: AWS's answers, None where it was not asked or does not let this user ask."""

    account: str
    caller: str
    free_gb: float
    functions_at_once: int | None
    subnets: list[dict[str, Any]] | None
    groups: list[dict[str, Any]] | None
    present: frozenset[str]  # the settings whose secret exists
    put_secrets: bool


def checks(facts: Facts, settings: Values, contents: Values, connect: Connect) -> Iterator[Check]:
    """Yield a check for each thing that a deploy needs; `contents` are the secrets' given values, by NAME_VALUE."""
    yield Check("ok", f"account {facts.account}, region {settings['AWS_REGION']}, as {facts.caller}")
    yield _disk(facts, is_local=bool(settings.get("AWS_ENDPOINT_URL")))
    yield _functions_at_once(facts.functions_at_once)
    if settings["SUBNET_IDS"]:
        yield _network(facts, settings)
    for setting in SECRETS:
        if settings[setting] and setting != MADE_BY_MIGRATE:
            yield from _secret(setting, facts, settings, contents.get(f"{setting}_VALUE", ""), connect)
    if not settings[SLACK] and not settings["ALERT_EMAIL"]:
        yield Check("later", "nobody is alerted: neither SLACK_SECRET nor ALERT_EMAIL is set")


def _disk(facts: Facts, *, is_local: bool) -> Check:
    needed = NEEDED_GB_LOCAL if is_local else NEEDED_GB
    if facts.free_gb >= needed:
        return Check("ok", f"disk: {facts.free_gb:.1f} GB are free")
    return Check("FAILED", f"disk: {facts.free_gb:.1f} GB are free and {needed:.0f} are needed; make space")


def _functions_at_once(limit: int | None) -> Check:
    if limit is None:
        return Check("later", "concurrency: AWS does not say how many functions this account runs at once")
    if limit >= FEWEST_FUNCTIONS:
        return Check("ok", f"concurrency: this account runs {limit} functions at once")
    return Check(
        "FAILED",
        f"concurrency: this account runs {limit} functions at once, and {FEWEST_FUNCTIONS} are needed; ask for more at "
        "Service Quotas, AWS Lambda, Concurrent executions",
    )


def _network(facts: Facts, settings: Values) -> Check:
    if facts.subnets is None or facts.groups is None:
        return Check("later", "network: this user may not see subnets and security groups; Lambda checks them")
    for setting, key, found in (
        ("SUBNET_IDS", "SubnetId", facts.subnets),
        ("SECURITY_GROUP_IDS", "GroupId", facts.groups),
    ):
        lacking = set(settings[setting].split(",")) - {each[key] for each in found}
        if lacking:
            return Check("FAILED", f"network: {', '.join(sorted(lacking))} of {setting} is not in this region")
    networks = {each["VpcId"] for each in (*facts.subnets, *facts.groups)}
    if len(networks) > 1:
        return Check(
            "FAILED", f"network: SUBNET_IDS and SECURITY_GROUP_IDS are of {', '.join(sorted(networks))}; use one VPC"
        )
    return Check("ok", f"network: {len(facts.subnets)} subnets in {networks.pop()}")


def _secret(setting: str, facts: Facts, settings: Values, content: str, connect: Connect) -> Iterator[Check]:
    name, is_present = settings[setting], setting in facts.present
    if not content:
        if is_present:
            yield Check("ok", f"secret {name}: in Secrets Manager")
        else:
            yield Check("FAILED", f"secret {name}: it does not exist; write {setting}_VALUE={{…}} into secrets.env")
        return
    if is_present and not facts.put_secrets:
        yield Check("ok", f"secret {name}: in Secrets Manager; {setting}_VALUE is not used without --put-secrets")
        return
    try:
        check(f"{setting}_VALUE", content)
        if setting == SLACK:
            check_webhook(decode_json(content, Webhook, f"{setting}_VALUE"), name, settings["SLACK_HOSTS"])
            yield Check("ok", f"secret {name}: {setting}_VALUE has the form of a webhook")
        else:
            yield _login(setting, name, decode_json(content, Login, f"{setting}_VALUE"), connect)
    except (ValueError, BadSetting, BadDocument) as error:
        yield Check("FAILED", f"secret {name}: {error}")


def _login(setting: str, name: str, login: Login, connect: Connect) -> Check:
    if login.problem:
        return Check("FAILED", f"secret {name}: {setting}_VALUE is not a login: {login.problem}")
    place = f"{login.username} at {login.host}:{login.port}/{login.dbname}"
    try:
        connect("source" if setting == SOURCE else "warehouse", login)
    except ServiceUnavailable:
        return Check("later", f"secret {name}: {place} cannot be reached from this machine; the functions will try")
    except (ServiceRefused, BadSetting) as error:
        return Check("FAILED", f"secret {name}: {place}: {error}")
    return Check("ok", f"secret {name}: {place} accepts the login")


def _connect(database: str, login: Login) -> None:
    try:
        socket.getaddrinfo(login.host, login.port)
    except OSError:
        # A private network has names that only its own machines know.
        raise ServiceUnavailable(database, "connecting", "this machine does not know the name") from None
    with connect(
        database,
        login,
        ca=os.environ["DATABASE_CA"],
        plaintext=os.environ["DATABASE_PLAINTEXT"] == "yes",
        timeout_s=LOGIN_S,
    ):
        pass


def _read(folder: Path) -> Facts:
    def answer(name: str) -> Any:
        text = (folder / name).read_text().strip()
        return json.loads(text) if text else None

    limit = (folder / "limit").read_text().strip()
    return Facts(
        account=os.environ["ACCOUNT_ID"],
        caller=os.environ["CALLER"],
        free_gb=shutil.disk_usage(Path.cwd()).free / 1e9,
        functions_at_once=int(limit) if limit.isdecimal() else None,
        subnets=answer("subnets.json"),
        groups=answer("groups.json"),
        present=frozenset((folder / "present").read_text().split()),
        put_secrets=os.environ.get("PUT_SECRETS") == "yes",
    )


def main() -> int:
    folder, secrets_file = map(Path, sys.argv[1:])
    try:
        contents = {**file_values(secrets_file), **{name: value for name, value in os.environ.items() if value}}
    except ValueError as problem:
        contents, found = {}, [Check("FAILED", str(problem))]
    else:
        found = []
    found += checks(_read(folder), os.environ, contents, _connect)
    for each in found:
        print(f"{each.outcome:<8}{each.text}", file=sys.stderr)
    return 1 if any(each.outcome == "FAILED" for each in found) else 0


if __name__ == "__main__":
    sys.exit(main())
