"""parliament, which knows AWS's actions, resources and conditions, on every policy document of ours."""

import functools
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from ops.stack import role_policies
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.iam import RolePolicies
from ops.stack.resources.kinds import REQUESTS
from tests.infra.scripts import ROOT
from tests.infra.stubs import SETTINGS, TARGETS

with warnings.catch_warnings():
    # It leaves it to Python to close its files.
    warnings.simplefilter("ignore", ResourceWarning)
    from parliament import analyze_policy_string

pytestmark = pytest.mark.fast

PEOPLE = sorted((ROOT / "docs/policies").glob("*.json"))
PRIVATE = {"SUBNET_IDS": "subnet-0a1b2c3d", "SECURITY_GROUP_IDS": "sg-0a1b2c3d"}
# What parliament says of them that is meant so, with the reason.
MEANT = {
    # A trust policy is of its role.
    ("trust", "MALFORMED", "Statement contains neither Resource nor NotResource"),
    # Alarms are asked for by a prefix.
    ("deploy.json", "RESOURCE_STAR", "['cloudwatch:DescribeAlarms']"),
    ("plan.json", "RESOURCE_STAR", "['cloudwatch:DescribeAlarms']"),
    # A mapping is called by an id alone; the condition lambda:FunctionArn keeps others' apart.
    ("deploy.json", "RESOURCE_STAR", "['lambda:DeleteEventSourceMapping', 'lambda:UpdateEventSourceMapping']"),
    ("operate.json", "RESOURCE_STAR", "['lambda:UpdateEventSourceMapping']"),
    # AWS's own example compares the boundary so.
    (
        "deploy.json",
        "MISMATCHED_TYPE_BUT_USABLE",
        "Type mismatch: StringEquals requires a value of type String but given Arn",
    ),
}
# A deployer writes the code that reads the buckets, so he may also write their policy.
MEANT_OF = {("deploy.json", "RESOURCE_POLICY_PRIVILEGE_ESCALATION")}


def documents() -> Iterator[tuple[str, str]]:
    requests = DesiredStack(SETTINGS | PRIVATE, TARGETS)
    for kind, made in REQUESTS.items():
        for name, request in made(requests):
            yield from ((f"{kind} {name}", text) for text in policies_in(request))
    yield "trust", json.dumps(role_policies.trust_policy())
    for file in PEOPLE:
        yield file.name, file.read_text()


def policies_in(request: dict[str, Any]) -> Iterator[str]:
    """Yield the IAM policies among an operation's parameters."""
    inner = request.get("Attributes", {})
    texts = (request.get("PolicyDocument"), request.get("Policy"), inner.get("Policy"))
    if request.get("AttributeName") == "Policy":
        yield request["AttributeValue"]
    yield from (text for text in texts if text and '"Resource"' in text)


# Findings for functions in a VPC: interfaces have no names before they exist, and parliament does not know the
# condition that distinguishes a function's own code from Lambda.
MEANT_OF_INTERFACES = {"RESOURCE_STAR", "UNKNOWN_CONDITION_FOR_ACTION"}


def found_in(name: str, document: str) -> set[tuple[str, str, str]]:
    return {each for each in findings(name, document) if not is_meant(each)}


def is_meant(finding: tuple[str, str, str]) -> bool:
    name, issue, detail = finding
    of_interfaces = (
        name.startswith(("role_policies ", "boundary.json")) and issue in MEANT_OF_INTERFACES and "ec2:" in detail
    )
    return finding in MEANT or (name, issue) in MEANT_OF or of_interfaces


@functools.cache
def findings(name: str, document: str) -> frozenset[tuple[str, str, str]]:
    return frozenset((name, each.issue, str(each.detail)) for each in analyze_policy_string(document).findings)


def test_parliament_finds_nothing_in_our_policies() -> None:
    checked = dict(documents())
    assert len([name for name in checked if name.startswith("role_policies ")]) == 9
    assert {name.partition(" ")[0] for name in checked} >= {"queues", "topics", "bucket_parts", "topic_policies"}
    assert [fault for name, text in checked.items() for fault in found_in(name, text)] == []


def test_the_policies_of_people_are_among_them() -> None:
    assert {file.name for file in PEOPLE} >= {"deploy.json", "plan.json", "operate.json", "boundary.json"}


SPOILT: dict[str, tuple[str, Any]] = {
    "UNKNOWN_ACTION": ("Action", ["s3:GetObjct"]),
    "RESOURCE_MISMATCH": ("Resource", ["arn:aws:sqs:eu-west-2:123456789012:queue"]),
    "UNKNOWN_OPERATOR": ("Condition", {"StringEqual": {"aws:SourceAccount": "123456789012"}}),
    "UNKNOWN_CONDITION_FOR_ACTION": ("Condition", {"StringEquals": {"s3:no-such-key": "x"}}),
    "INVALID_ARN": ("Resource", ["arn:aws:s3::bucket"]),
}


@pytest.mark.parametrize("issue", SPOILT)
def test_a_planted_fault_is_found(issue: str) -> None:
    part, value = SPOILT[issue]
    right = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::bucket/*"]}
    documents = [{"Version": "2012-10-17", "Statement": [statement]} for statement in (right, right | {part: value})]
    assert found_in("planted", json.dumps(documents[0])) == set()
    assert issue in {found for _, found, _ in found_in("planted", json.dumps(documents[1]))}


def test_what_only_the_emulator_asks_for_is_asked_for_there_alone() -> None:
    def actions(settings: dict[str, str]) -> str:
        return json.dumps(dict(RolePolicies.desired(DesiredStack(SETTINGS | settings, TARGETS))))

    assert "Batch" not in actions({})
    assert "sns:PublishBatch" in actions({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def test_each_thing_that_is_meant_is_still_found() -> None:
    """Expect each exception to be needed: otherwise it would outlive its reason."""
    found = {finding for document in documents() for finding in findings(*document)}
    assert found >= MEANT and {each[:2] for each in found} >= MEANT_OF
