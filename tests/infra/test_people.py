"""The policies of who deploys, who plans and who operates: no more than their scripts ask, and no way to more."""

import importlib
import json
import warnings
from pathlib import Path

import pytest

from ops import people as written_for
from ops.stack import people, role_policies
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.s3 import BucketParts
from ops.stack.topology import known_targets
from tests.iam import is_allowed
from tests.infra import iam_calls
from tests.infra.scripts import ROOT, SCRIPTS
from tests.infra.stubs import NAMES, SETTINGS, TARGETS

pytestmark = pytest.mark.fast

BOUNDARY = "arn:aws:iam::123456789012:policy/bounds"
BOUNDED = SETTINGS | {"PERMISSIONS_BOUNDARY": BOUNDARY}
ROLE = "arn:aws:iam::123456789012:role/totestream-test-load"
DEPLOYER = people.deployer(NAMES, BOUNDED)
EVERYBODY = ("deploy", "plan", "operate", "boundary")
# What asks AWS nothing, or only the local stack, and what an administrator runs.
NOT_OURS = {"local.sh", "lock.sh", "test.sh", "demo.sh", "github.sh", "audit.sh"}
# What parliament finds and is meant so: lists take no resource, who makes a bucket also writes its policy, and AWS
# itself compares iam:PermissionsBoundary by StringEquals.
TAKEN = {"RESOURCE_STAR", "RESOURCE_POLICY_PRIVILEGE_ESCALATION", "MISMATCHED_TYPE_BUT_USABLE"}
DEPLOYERS = {"deploy.sh", "doctor.sh", "plan.sh", "teardown.sh"}


def asked_by(scripts: set[str]) -> set[str]:
    """Return the actions that these scripts may call in any case."""
    parts = sorted({name.partition(".")[2] for name, _ in BucketParts.desired(DesiredStack(SETTINGS, TARGETS))})
    files = {file for script in SCRIPTS if script.name in scripts for file in iam_calls.sourced(script)}
    calls = {call for file in files for call in iam_calls.written(file, parts)}
    return {action for service, operation in calls for action in iam_calls.actions(service, operation)}


def actions_of(name: str) -> set[str]:
    return {action for statement in iam_calls.document(name)["Statement"] for action in statement["Action"]}


OPERATORS = {script.name for script in SCRIPTS} - NOT_OURS - DEPLOYERS


def test_the_documents_are_what_the_code_says(tmp_path: Path) -> None:
    made = written_for.documents(written_for.FICTITIOUS, known_targets())
    there = {file.stem: file.read_text() for file in (ROOT / "docs/policies").glob("*.json")}
    assert there == {name: written_for.text(document) for name, document in made.items()}
    assert set(there) == set(EVERYBODY)


@pytest.mark.parametrize(("name", "scripts"), [("deploy", DEPLOYERS), ("operate", OPERATORS)])
def test_every_call_that_a_script_can_make_is_allowed(name: str, scripts: set[str]) -> None:
    asked = asked_by(scripts)
    assert len(asked) > 10
    assert asked - actions_of(name) == set()


def test_every_action_is_asked_for_or_says_why_aws_wants_it() -> None:
    unasked = actions_of("deploy") - asked_by(DEPLOYERS)
    assert unasked == people.IMPLICIT_ACTIONS.keys()
    # A caller who may not list gets 403 for a missing key, and not 404.
    assert actions_of("operate") - asked_by(OPERATORS) == {"s3:ListBucket"}
    assert actions_of("plan") <= actions_of("deploy")


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_document_is_one_that_aws_takes(name: str) -> None:
    text = json.dumps(iam_calls.document(name), separators=(",", ":"))
    # The limit of a managed policy; white space does not count.
    assert len(text) <= 6144
    with warnings.catch_warnings():
        # It leaves a file open.
        warnings.simplefilter("ignore", ResourceWarning)
        parliament = importlib.import_module("parliament")
    found = parliament.analyze_policy_string(text).findings
    assert [str(each) for each in found if each.issue not in TAKEN] == []


@pytest.mark.parametrize("name", EVERYBODY)
def test_no_action_is_a_pattern_and_only_what_takes_no_resource_is_on_everything(name: str) -> None:
    for statement in iam_calls.document(name)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]
        if statement["Resource"] == ["*"] and "Condition" not in statement:
            assert not {"iam:GetAccountAuthorizationDetails", "iam:PassRole"} & set(statement["Action"])
            for action in statement["Action"]:
                assert (
                    action in ("sns:SetSubscriptionAttributes", "sns:Unsubscribe")
                    or name == "boundary"
                    or (action.partition(":")[2].startswith(("List", "Describe", "Get")))
                ), action


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:CreateRole", ROLE, {}),
        ("iam:CreateRole", ROLE, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:CreateRole", "arn:aws:iam::123456789012:role/admin", {"iam:PermissionsBoundary": BOUNDARY}),
        ("iam:PutRolePolicy", ROLE, {}),
        ("iam:AttachRolePolicy", ROLE, {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        ("iam:PutRolePermissionsBoundary", ROLE, {"iam:PermissionsBoundary": "another"}),
        ("iam:DeleteRolePermissionsBoundary", ROLE, {}),
        ("iam:CreatePolicyVersion", BOUNDARY, {}),
        ("iam:CreatePolicy", BOUNDARY, {}),
        ("iam:PassRole", ROLE, {}),
        ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/admin", {"iam:PassedToService": "lambda.amazonaws.com"}),
        # The roles that GitHub deploys with are called otherwise, so that none of them can change itself.
        ("iam:UpdateAssumeRolePolicy", "arn:aws:iam::123456789012:role/github-totestream-test-deploy", {}),
        ("iam:CreateUser", "arn:aws:iam::123456789012:user/totestream-test-x", {}),
        ("sts:AssumeRole", ROLE, {}),
        ("secretsmanager:GetSecretValue", NAMES.arn("secretsmanager", "secret:test/source-Ab12Cd"), {}),
        ("secretsmanager:PutSecretValue", NAMES.arn("secretsmanager", "secret:theirs-Ab12Cd"), {}),
        ("s3:PutObject", NAMES.bucket_arn("ingestion", "runs/00000001.json"), {}),
        ("s3:GetObject", NAMES.bucket_arn("processed", "tables/fact_payment/x"), {}),
        ("lambda:UpdateFunctionCode", NAMES.function_arn("other-test-load"), {}),
        ("lambda:DeleteEventSourceMapping", "*", {"lambda:FunctionArn": NAMES.function_arn("theirs")}),
    ],
)
def test_a_deployer_has_no_way_to_more(action: str, resource: str, context: dict[str, str]) -> None:
    assert not is_allowed(action, resource, context, DEPLOYER)


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"])
def test_a_deployer_makes_roles_within_the_boundary(action: str) -> None:
    assert is_allowed(action, ROLE, {"iam:PermissionsBoundary": BOUNDARY}, DEPLOYER)
    assert is_allowed("iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}, DEPLOYER)


def test_a_planner_can_write_nothing() -> None:
    verbs = ("Get", "List", "Describe", "View")
    writing = {action for action in actions_of("plan") if not action.partition(":")[2].startswith(verbs)}
    assert writing == {"lambda:InvokeFunction"}
    plan = people.planner(NAMES, SETTINGS)
    nouns = ("extract", "load", "migrate", "watch", "alert", "inspect")
    may = [noun for noun in nouns if is_allowed("lambda:InvokeFunction", NAMES.function_arn(NAMES(noun)), {}, plan)]
    assert may == ["inspect"]
    assert not is_allowed("secretsmanager:GetSecretValue", "*", {}, plan)


@pytest.mark.parametrize("subnets", ["", "subnet-1"])
def test_the_boundary_holds_all_that_functions_do_and_nothing_more(subnets: str) -> None:
    settings = SETTINGS | {"SUBNET_IDS": subnets}
    bounds = people.boundary(NAMES, settings, TARGETS)
    for policy in role_policies.role_policies(NAMES, settings, TARGETS).values():
        for statement in policy["Statement"]:
            for action in statement["Action"] if statement["Effect"] == "Allow" else ():
                for resource in statement["Resource"]:
                    if action.endswith("Batch"):
                        continue
                    assert is_allowed(action, resource.replace("?", "a").replace("*", "any"), {}, bounds), action
    for action in ("iam:CreateRole", "sts:AssumeRole", "s3:DeleteObject", "lambda:UpdateFunctionCode"):
        assert not is_allowed(action, "*", {}, bounds)
    assert not is_allowed("secretsmanager:GetSecretValue", NAMES.arn("secretsmanager", "secret:theirs"), {}, bounds)


def test_without_a_boundary_none_is_asked_for() -> None:
    assert is_allowed("iam:CreateRole", ROLE, {}, people.deployer(NAMES, SETTINGS))
