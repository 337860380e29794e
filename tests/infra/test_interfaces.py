"""No network interface is stranded in a VPC: AWS takes each away itself, with the function's role, after a while."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.stack.resources.base import DesiredStack, Inventory, StackState
from ops.stack.resources.functions import FunctionConfigurations
from ops.stack.resources.iam import RolePolicies, Roles
from ops.stack.resources.interfaces import interfaces_left
from ops.stack.resources.kinds import REQUESTS
from ops.teardown.plan import lines
from tests.infra import stubs
from tests.infra.fake_aws import FakeAws
from tests.infra.scripts import EXAMPLE

ROOT = Path(__file__).parents[2]
VPC = {"SUBNET_IDS": "subnet-1", "SECURITY_GROUP_IDS": "sg-1"}
MANAGED = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
LOAD, EXTRACT = "totestream-test-load", "totestream-test-extract"
OURS = (LOAD, EXTRACT)
NUMBER = "0a1b2c3d-0000-4000-8000-0123456789ab"


def interface(made_for: str, subnet: str = "subnet-1", group: str = "sg-1") -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{made_for}",
        "Description": f"AWS Lambda VPC ENI-{made_for}",
        "SubnetId": subnet,
        "Groups": [{"GroupId": group}],
    }


def function(name: str, subnet: str = "subnet-1", group: str = "sg-1") -> dict[str, Any]:
    return {"FunctionName": name, "VpcConfig": {"SubnetIds": [subnet], "SecurityGroupIds": [group]}}


@pytest.mark.parametrize(
    ("description", "is_ours"),
    [
        (f"AWS Lambda VPC ENI-{LOAD}-{NUMBER}", True),
        (f"AWS Lambda VPC ENI-{LOAD}", True),
        (f"AWS Lambda VPC ENI-totestream-test-two-load-{NUMBER}", False),
        (f"AWS Lambda VPC ENI-{LOAD}-two-{NUMBER}", False),
        (f"an interface of {LOAD}", False),
        ("", False),
    ],
)
def test_an_interface_is_known_by_the_function_that_it_was_made_for(description: str, is_ours: bool) -> None:
    listed = [interface("x") | {"Description": description}]
    assert bool([*interfaces_left(listed, OURS, [function(LOAD)])]) == is_ours


@pytest.mark.parametrize(
    ("other", "is_awaited"),
    [
        (function("theirs"), False),
        (function("theirs", subnet="subnet-2"), True),
        (function("theirs", group="sg-2"), True),
        ({"FunctionName": "theirs"}, True),
        (function(EXTRACT), True),
    ],
)
def test_one_that_another_function_uses_too_is_not_awaited(other: dict[str, Any], is_awaited: bool) -> None:
    """Keep it as long as that function exists."""
    assert bool([*interfaces_left([interface(LOAD)], OURS, [function(LOAD), other])]) == is_awaited


def sent(**settings: str) -> DesiredStack:
    return DesiredStack(stubs.SETTINGS | settings, stubs.TARGETS)


def policy_of(name: str, **settings: str) -> str:
    return str(dict(RolePolicies.desired(sent(**settings)))[name]["PolicyDocument"])


def role(name: str, policy: str, *attached: str) -> dict[str, Any]:
    return {
        "RoleName": name,
        "RolePolicyList": [{"PolicyName": "rights", "PolicyDocument": json.loads(policy)}],
        "AttachedManagedPolicies": [{"PolicyName": "p", "PolicyArn": arn} for arn in attached],
        "AssumeRolePolicyDocument": json.loads(dict(Roles.desired(sent()))[name]["AssumeRolePolicyDocument"]),
    }


class Account:
    """An account in which the stack's role of load is, and what EC2 says of its interfaces."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.aws = folder, FakeAws(folder / "aws")

    def holds(self, the_role: dict[str, Any], interfaces: Sequence[dict[str, Any]], *functions: dict[str, Any]) -> None:
        (policy,) = the_role["RolePolicyList"]
        for call, answer in {
            "list-roles": [the_role["RoleName"]],
            "get-role": {"Role": the_role},
            "list-role-policies": {"PolicyNames": [policy["PolicyName"]]},
            "list-attached-role-policies": {"AttachedPolicies": the_role["AttachedManagedPolicies"]},
            "get-role-policy": policy,
        }.items():
            self.aws.answers(f"iam {call}", json.dumps(answer))
        self.aws.answers("ec2 describe-network-interfaces", json.dumps({"NetworkInterfaces": interfaces}))
        self.aws.answers("lambda list-functions", json.dumps({"Functions": functions}))

    def run(self, *command: str, **settings: str) -> list[str]:
        names = ("PROJECT", "STAGE", "AWS_REGION", "SOURCE_SECRET", "WAREHOUSE_SECRET", "WAREHOUSE_SCHEMA")
        environment = {name: stubs.SETTINGS[name] for name in names} | settings
        environment |= {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(self.aws.program)}
        (self.folder / "settings.env").touch()
        called = [*command, str(self.folder / "settings.env")]
        done = subprocess.run(called, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    def deploy(self, **settings: str) -> list[str]:
        """Run the part of it that creates roles, where load's is the only one."""
        script = """
            source infra_bash/lib/script.sh
            for part in arguments settings aws state ../aws/ec2 ../aws/iam; do source infra_bash/lib/$part.sh; done
            SETTINGS_FILE=$1
            load_settings
            STATE=$(dirname "$1")/wanted
            ACTUAL=$STATE/actual
            ensure_roles
            ensure_role_boundaries
            ensure_role_policies
            ensure_attached_policies
        """
        # Each deploy has a folder of its own, and in it the pipe to the process that compares.
        (self.folder / "wanted" / "kinds").unlink(missing_ok=True)
        for kind in ("roles", "role_trusts", "role_policies", "actual"):
            (self.folder / "wanted" / kind).mkdir(parents=True, exist_ok=True)
            for name, request in REQUESTS[kind](sent(**settings)) if kind in REQUESTS else ():
                if name == LOAD:
                    (self.folder / "wanted" / kind / f"{name}.json").write_text(json.dumps(request))
        return self.run("bash", "-c", script, "deploy.sh", **settings)

    def put(self) -> str:
        """Return the document that the role gets."""
        assert self.aws.asked_for("iam put-role-policy")
        return str(json.loads((self.folder / f"wanted/role_policies/{LOAD}.json").read_text())["PolicyDocument"])


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_the_example_names_the_endpoints_that_private_functions_need() -> None:
    requests = sent(**VPC)
    private = {name for name, made in FunctionConfigurations.desired(requests) if made["VpcConfig"]["SubnetIds"]}
    policies = [json.loads(made["PolicyDocument"]) for name, made in RolePolicies.desired(requests) if name in private]
    actions = {action for policy in policies for each in policy["Statement"] for action in each["Action"]}
    # Lambda itself writes logs, makes interfaces and takes messages.
    asked = {action.split(":")[0] for action in actions} - {"logs", "ec2"}
    names = {"s3": "S3", "secretsmanager": "Secrets Manager", "sns": "SNS", "lambda": "Lambda", "sqs": "SQS"}
    assert asked == set(names)
    (expected,) = [block for block in EXAMPLE.read_text().split("\n\n") if "\nSUBNET_IDS=" in block]
    assert [name for name in names.values() if name not in expected] == []


# ---- deploy.sh


def test_the_managed_policy_goes_once_our_own_is_there(account: Account) -> None:
    account.holds(role(LOAD, policy_of(LOAD), MANAGED), [interface(LOAD)])
    said = account.deploy(**VPC)
    assert said[1:] == [f"update  role policy {LOAD} (PolicyDocument)", f"delete  attached policy {LOAD} ({MANAGED})"]
    (detached,) = account.aws.asked_for("iam detach-role-policy")
    assert detached.endswith(f"--policy-arn {MANAGED}")
    assert json.loads(account.put()) == json.loads(policy_of(LOAD, **VPC))


def test_a_stack_in_a_vpc_is_left_alone_by_a_second_deploy_and_so_are_policies_of_others(account: Account) -> None:
    theirs = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    account.holds(role(LOAD, policy_of(LOAD, **VPC), theirs), [interface(LOAD)])
    assert account.deploy(**VPC) == ["ok      roles: 1", "ok      role policies: 1"]


def test_a_stack_that_leaves_its_vpc_keeps_the_rights_until_its_interfaces_are_gone(account: Account) -> None:
    former = json.loads(policy_of(LOAD, **VPC))
    former["Statement"][0]["Resource"] = ["arn:aws:secretsmanager:eu-west-2:123456789012:secret:former-??????"]
    account.holds(role(LOAD, json.dumps(former)), [interface(LOAD)])
    _, updated, kept = account.deploy()
    assert updated.startswith(f"update  role policy {LOAD}")
    assert kept.startswith("keep    the rights in EC2") and kept.endswith("deploy again then")
    assert json.loads(account.put()) == json.loads(policy_of(LOAD, **VPC))

    account.holds(role(LOAD, policy_of(LOAD, **VPC)), [])
    assert [line.split()[0] for line in account.deploy()] == ["ok", "update"]
    assert json.loads(account.put()) == json.loads(policy_of(LOAD))


def test_so_does_one_that_had_the_managed_policy(account: Account) -> None:
    account.holds(role(LOAD, policy_of(LOAD), MANAGED), [interface(LOAD)])
    assert [line.split()[0] for line in account.deploy()] == ["ok", "ok", "keep"]
    account.holds(role(LOAD, policy_of(LOAD), MANAGED), [])
    assert account.deploy()[-1] == f"delete  attached policy {LOAD} ({MANAGED})"


# ---- teardown.sh

WAITS = f"role {LOAD} (AWS needs it to delete its network interfaces, in 20 to 40 minutes: run this again then)"


def test_a_role_outlives_its_function_until_its_interfaces_are_gone(account: Account) -> None:
    """Expect it also when the settings do not name the VPC any more."""
    account.holds(role(LOAD, policy_of(LOAD, **VPC)), [interface(LOAD)], function(LOAD))
    said = account.run("infra_bash/teardown.sh", "--dry-run", "--settings")
    assert said[:2] == [f"delete  function {LOAD}", f"stays   {WAITS}"]
    (asked,) = account.aws.asked_for("ec2 describe-network-interfaces")
    assert asked.endswith("--filters Name=description,Values=AWS Lambda VPC ENI-totestream-test-*")


def left(folder: Path, the_role: dict[str, Any], *interfaces: dict[str, Any]) -> list[str]:
    """Return what teardown does with a role whose function is deleted already."""
    for name, answer in (
        ("roles", {"RoleDetailList": [the_role]}),
        ("interfaces", {"NetworkInterfaces": interfaces}),
        ("functions", {"Functions": []}),
    ):
        (folder / "actual").mkdir(exist_ok=True)
        (folder / f"actual/{name}.json").write_text(json.dumps(answer))
    (folder / "roles").mkdir(exist_ok=True)
    (folder / f"roles/{LOAD}.json").write_text("{}")
    inventory = Inventory(StackState(folder), "totestream", "test")
    return [f"{action} {word}" for action, word, *_ in lines(inventory, with_data=True)]


@pytest.mark.parametrize("attached", [(), (MANAGED,), (MANAGED.replace("arn:aws:", "arn:aws-cn:"),)])
def test_the_next_teardown_takes_it_once_they_are(tmp_path: Path, attached: tuple[str, ...]) -> None:
    the_role = role(LOAD, policy_of(LOAD) if attached else policy_of(LOAD, **VPC), *attached)
    assert left(tmp_path, the_role, interface(LOAD)) == ["stays role"]
    gone = ["delete role policy", *["delete attached policy"] * len(attached), "delete role"]
    assert left(tmp_path, the_role) == gone
    assert left(tmp_path, the_role, interface("totestream-test-two-load")) == gone


def test_outside_of_a_vpc_no_role_waits_and_nobody_asks_ec2(account: Account) -> None:
    assert left(account.folder, role(LOAD, policy_of(LOAD)), interface(LOAD))[-1] == "delete role"
    account.holds(role(LOAD, policy_of(LOAD)), [interface(LOAD)])
    account.deploy()
    assert not account.aws.asked_for("ec2 describe-network-interfaces")
