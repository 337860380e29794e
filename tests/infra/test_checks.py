"""What a deploy needs is checked before its first write: each failure names the thing and the fix."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conftest import Database
from ops.checks import FEWEST_FUNCTIONS, Check, Facts, checks
from ops.settings.declarations import example_values
from shared.aws.secrets import Login
from shared.errors import ServiceUnavailable
from shared.postgres.connection import connect
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import MINIMUM, ROOT, settings_file

pytestmark = pytest.mark.fast

FACTS = Facts(
    account="111122223333",
    caller="arn:aws:iam::111122223333:user/ada",
    free_gb=50.0,
    functions_at_once=1000,
    subnets=None,
    groups=None,
    present=frozenset({"SOURCE_SECRET", "WAREHOUSE_SECRET", "SLACK_SECRET"}),
    put_secrets=False,
)
SETTINGS = {**example_values(), "SLACK_SECRET": "totestream/slack"}
LOGIN = {"host": "127.0.0.1", "port": 5432, "dbname": "totesys", "username": "reader", "password": "secret-canary"}
CANARY = "secret-canary"


def accepts(_database: str, _login: Login) -> None:
    """Connect to nothing: any login is good."""


def failed(facts: Facts = FACTS, settings: Mapping[str, str] = SETTINGS, **contents: object) -> list[str]:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in contents.items()}
    found = list(checks(facts, settings, texts, accepts))
    assert CANARY not in str(found)
    return [each.text for each in found if each.outcome == "FAILED"]


def test_a_stack_with_all_it_needs_fails_nothing() -> None:
    assert failed() == []


def test_a_full_disk() -> None:
    assert failed(replace(FACTS, free_gb=0.4)) == ["disk: 0.4 GB are free and 1 are needed; make space"]


def test_an_account_that_runs_too_few_functions() -> None:
    [line] = failed(replace(FACTS, functions_at_once=FEWEST_FUNCTIONS - 1))
    assert "Service Quotas" in line
    assert failed(replace(FACTS, functions_at_once=None)) == []


def test_every_missing_secret_at_once() -> None:
    lines = failed(replace(FACTS, present=frozenset()))
    assert [line.split(":")[0] for line in lines] == [
        "secret totestream/source",
        "secret totestream/warehouse",
        "secret totestream/slack",
    ]
    assert all("secrets.env" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("no json", "is not JSON"),
        ({**LOGIN, "port": "54x"}, "port"),
        ({name: value for name, value in LOGIN.items() if name != "host"}, "lacks host"),
        ({**LOGIN, "host": "postgres://db.example.com"}, "its host is more than a name"),
        ({**LOGIN, "port": 0}, "its port is not one of"),
        ({**LOGIN, "dbname": ""}, "its dbname is empty"),
    ],
)
def test_a_login_that_is_none(content: Any, words: str) -> None:
    [line] = failed(
        replace(FACTS, present=frozenset({"WAREHOUSE_SECRET", "SLACK_SECRET"})), SOURCE_SECRET_VALUE=content
    )
    assert line.startswith("secret totestream/source: ")
    assert words in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "does not hold the URL of a webhook"),
        ("http://127.0.0.1:29245", "does not hold the URL of a webhook"),
        ("https://example.com/services/x", "not in SLACK_HOSTS"),
    ],
)
def test_a_webhook_that_is_none(url: str, words: str) -> None:
    [line] = failed(replace(FACTS, put_secrets=True), SLACK_SECRET_VALUE={"url": url})
    assert words in line


def test_a_value_that_is_not_used_is_not_judged() -> None:
    assert failed(SOURCE_SECRET_VALUE="no json") == []
    assert failed(replace(FACTS, put_secrets=True), SOURCE_SECRET_VALUE="no json")


class TestNetwork:
    SETTINGS = {**SETTINGS, "SUBNET_IDS": "subnet-1,subnet-2", "SECURITY_GROUP_IDS": "sg-1"}
    FACTS = replace(
        FACTS,
        subnets=[{"SubnetId": f"subnet-{number}", "VpcId": "vpc-1"} for number in (1, 2)],
        groups=[{"GroupId": "sg-1", "VpcId": "vpc-1"}],
    )

    def test_one_that_is_there(self) -> None:
        assert failed(self.FACTS, self.SETTINGS) == []

    def test_one_that_is_not_there(self) -> None:
        assert failed(replace(self.FACTS, subnets=self.FACTS.subnets[:1]), self.SETTINGS) == [  # type: ignore[index]
            "network: subnet-2 of SUBNET_IDS is not in this region"
        ]

    def test_two_networks(self) -> None:
        [line] = failed(replace(self.FACTS, groups=[{"GroupId": "sg-1", "VpcId": "vpc-2"}]), self.SETTINGS)
        assert "vpc-1, vpc-2" in line


class TestLogins:
    """Against a real server."""

    FACTS = replace(FACTS, put_secrets=True)

    def source(self, login: Login) -> Check:
        content = json.dumps({name: getattr(login, name) for name in LOGIN})
        found = list(checks(self.FACTS, SETTINGS, {"SOURCE_SECRET_VALUE": content}, self.connect))
        assert login.password not in str(found)
        return next(each for each in found if "totestream/source" in each.text)

    @staticmethod
    def connect(database: str, login: Login) -> None:
        connect(database, login, ca="", plaintext=True, timeout_s=5).close()

    def test_a_good_one(self, totesys: Database) -> None:
        assert self.source(totesys.login()).outcome == "ok"

    def test_a_wrong_password(self, totesys: Database) -> None:
        good = totesys.login()
        found = self.source(Login(good.host, good.port, good.dbname, good.username, CANARY))
        assert found.outcome == "FAILED"
        assert "28P01" in found.text

    def test_a_server_that_is_out_of_reach_is_left_to_the_functions(self) -> None:
        found = self.source(Login("127.0.0.1", 1, "totesys", "reader", CANARY))
        assert found.outcome == "later"
        with pytest.raises(ServiceUnavailable):
            self.connect("source", Login("127.0.0.1", 1, "totesys", "reader", CANARY))


CHECKS = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws checks; do source infra_bash/lib/$part.sh; done
    OPTION_PUT_SECRETS=no
    SETTINGS_FILE=$1
    load_settings
    read_account
    ask_for_checks
    show_checks
"""


def test_what_a_user_may_not_ask_is_left_to_aws(tmp_path: Path) -> None:
    """The deployer of another account may see neither its limits nor its network."""
    aws = FakeAws(tmp_path / "aws")
    for call in ("lambda get-account-settings", "ec2 describe-subnets", "ec2 describe-security-groups"):
        aws.answers(call, "!AccessDenied")
    aws.answers("secretsmanager describe-secret", '"there"')
    file = settings_file(tmp_path, MINIMUM + "SUBNET_IDS=subnet-1\nSECURITY_GROUP_IDS=sg-1\n")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    command = ["bash", "-c", CHECKS, "deploy.sh", file]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines() if line.startswith("later")] == [
        "later   concurrency",
        "later   network",
        "later   nobody is alerted",
    ]
