"""Whatever partition the caller is of, every ARN is of that one."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.stack import role_policies
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.kinds import REQUESTS
from ops.stack.topology import functions
from shared.settings import Settings
from tests.infra import stubs
from tests.infra.fake_aws import FakeAws

pytestmark = pytest.mark.fast

ROOT = Path(__file__).parents[2]
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")


def settings(partition: str) -> dict[str, str]:
    own = {"PARTITION": partition, "LAYER_ARN": stubs.SETTINGS["LAYER_ARN"].replace(":aws:", f":{partition}:")}
    return stubs.SETTINGS | own | {"SUBNET_IDS": "subnet-1", "SECURITY_GROUP_IDS": "sg-1"}


def texts(value: Any) -> Iterator[str]:
    """Yield every string in the value."""
    match value:
        case str():
            yield value
        case dict():
            yield from texts([*value.keys(), *value.values()])
        case list() | tuple():
            for each in value:
                yield from texts(each)


def arns(value: Any) -> set[str]:
    """Return the beginning of each ARN. Policies are JSON in a string."""
    return {begin for text in texts(value) for begin in re.findall(r"arn:[^:]*:", text)}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_all_that_deploy_asks_for_is_of_the_callers_partition(partition: str) -> None:
    sent = DesiredStack(settings(partition), stubs.TARGETS)
    found = {kind: arns([*REQUESTS[kind](sent)]) for kind in REQUESTS}
    assert len([kind for kind in found if found[kind]]) > 10
    assert {kind: begins for kind, begins in found.items() if begins - {f"arn:{partition}:"}} == {}
    assert arns(role_policies.role_policies(sent.names, sent.settings, stubs.TARGETS)) == {f"arn:{partition}:"}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_function_has_its_partition_in_its_environment(partition: str) -> None:
    names = DesiredStack(settings(partition), stubs.TARGETS).names
    for function in functions(names, settings(partition), stubs.TARGETS):
        expected = Settings({**function.environment, "AWS_REGION": names.region})
        assert expected.names == names


def test_new_code_in_an_environment_of_before_is_of_the_only_partition_there_was() -> None:
    (function, *_) = functions(stubs.NAMES, stubs.SETTINGS, stubs.TARGETS)
    environment = {name: value for name, value in function.environment.items() if name != "PARTITION"}
    assert Settings({**environment, "AWS_REGION": "eu-west-2"}).names == stubs.NAMES


@pytest.mark.parametrize("folder", ["infra_bash", "ops", "shared", "handlers", "local"])
def test_no_partition_is_written_into_the_product(folder: str) -> None:
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sh")]
    assert files
    assert [path for path in files if re.search(r"arn:aws|aws-cn:|aws-us-gov:", path.read_text())] == []


def asked(folder: Path, caller: str, what: str, budget: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a part of deploy.sh in an account of `caller`."""
    script = f"""
        source infra_bash/lib/script.sh
        for part in arguments settings aws state ../aws/sns ../aws/lambda ../aws/budgets; do
          source infra_bash/lib/$part.sh
        done
        SETTINGS_FILE=$1
        load_settings
        read_account
        {what}
    """
    aws = FakeAws(folder / "aws")
    aws.answers("sts get-caller-identity", f"123456789012\t{caller}")
    names = ("PROJECT", "STAGE", "AWS_REGION", "SOURCE_SECRET", "WAREHOUSE_SECRET", "WAREHOUSE_SCHEMA")
    environment = {name: stubs.SETTINGS[name] for name in names} | {"MONTHLY_BUDGET_USD": budget}
    environment |= {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    file = folder / "settings.env"
    file.touch()
    command = ["bash", "-c", script, "deploy.sh", str(file)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "caller",
    [
        "arn:aws:iam::123456789012:root",
        "arn:aws-cn:iam::123456789012:user/a path/me",
        "arn:aws-us-gov:sts::123456789012:assumed-role/deploy/me@example.com",
    ],
)
def test_bash_takes_the_partition_from_the_callers_own_arn(tmp_path: Path, caller: str) -> None:
    what = 'printf "%s\\n" "$ACCOUNT_ID" "$PARTITION" "$(topic_arn t)" "$(another_role totestream-test-load)"'
    partition = caller.split(":")[1]
    assert asked(tmp_path, caller, what) == (
        0,
        f"123456789012\n{partition}\narn:{partition}:sns:eu-west-2:123456789012:t\n"
        f"arn:{partition}:iam::123456789012:role/totestream-test-inspect\n",
        "",
    )


@pytest.mark.parametrize(
    ("partition", "budget", "code"), [("aws", "10", 0), ("aws-cn", "", 0), ("aws-cn", "10", 2), ("aws-us-gov", "10", 2)]
)
def test_a_budget_in_dollars_is_refused_where_there_is_none(
    tmp_path: Path, partition: str, budget: str, code: int
) -> None:
    caller = f"arn:{partition}:iam::123456789012:root"
    returned, _, said = asked(tmp_path, caller, "refuse_other_currency; read_budget", budget)
    assert returned == code, said
    assert ("leave it empty" in said) == (code == 2)
    assert ("describe-budget" in (tmp_path / "aws/asked").read_text()) == (partition == "aws")
