"""What AWS says for a while is waited for, and nothing else: one test a row of the table."""

import json
from pathlib import Path

import pytest

from ops.cli.transient import CALLS, FUNCTIONS, Transient, function_retry_time_s, retry_time_s
from shared.errors import (
    SPREADS_S,
    AwsRefused,
    AwsUnavailable,
    MissingObject,
    NotYet,
    ServiceRefused,
    ServiceUnavailable,
)
from tests.infra import doors
from tests.infra.fake_aws import FakeAws

pytestmark = pytest.mark.fast

PARAMETER = "An error occurred (InvalidParameterValueException) when calling the CreateFunction operation: "
CONFLICT = "An error occurred (ResourceConflictException) when calling the {} operation: "
IN_VPC = "The function is inactive and its VPC connection is no longer available. Wait until it reestablishes"
# What AWS answers, in its own words as far as they are known, and for how long it is waited for.
MET = [
    ("lambda create-function", PARAMETER + "The role defined for the function cannot be assumed by Lambda.", 300),
    (
        "lambda create-function",
        PARAMETER + "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        300,
    ),
    (
        "lambda create-function",
        PARAMETER + "Lambda was unable to configure access to your environment variables because the KMS key is invalid"
        " for CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does"
        " not refer to a valid principal",
        300,
    ),
    (
        "lambda create-function",
        PARAMETER + "Your request has been throttled by EC2, please make sure you have enough API rate limit. EC2 Error"
        " Code: RequestLimitExceeded. EC2 Error Message: Request limit exceeded.",
        540,
    ),
    (
        "lambda create-event-source-mapping",
        PARAMETER + "The function execution role does not have permissions to call ReceiveMessage on SQS",
        300,
    ),
    (
        "lambda update-function-configuration",
        CONFLICT.format("UpdateFunctionConfiguration")
        + "The operation cannot be performed at this time. An update is in progress for resource: arn:aws:lambda:f",
        300,
    ),
    (
        "lambda put-function-event-invoke-config",
        CONFLICT.format("PutFunctionEventInvokeConfig") + "The function is currently in the following state: Pending",
        300,
    ),
    (
        "lambda add-permission",
        CONFLICT.format("AddPermission") + "The function could not be updated due to a concurrent update operation.",
        300,
    ),
    (
        "lambda update-event-source-mapping",
        "An error occurred (ResourceInUseException) when calling the UpdateEventSourceMapping operation: Cannot update"
        " the event source mapping because it is in use.",
        300,
    ),
    (
        "lambda create-event-source-mapping",
        CONFLICT.format("CreateEventSourceMapping") + 'An event source mapping with SQS arn (" q ") already exists',
        300,
    ),
    ("lambda add-permission", "An error occurred (ResourceNotFoundException): Function not found: f", 60),
    ("lambda invoke", f"An error occurred (ResourceNotReadyException): {IN_VPC}", 300),
    (
        "lambda invoke",
        "An error occurred (ENINotReadyException): Lambda couldn't create the network interface yet",
        300,
    ),
    ("lambda invoke", CONFLICT.format("Invoke") + "The function is currently in the following state: Inactive", 300),
    ("lambda invoke", "An error occurred (TooManyRequestsException) when calling the Invoke operation: Rate", 70),
    (
        "sqs create-queue",
        "An error occurred (AWS.SimpleQueueService.QueueDeletedRecently): You must wait 60 seconds after deleting",
        70,
    ),
    ("sqs set-queue-attributes", "An error occurred (AWS.SimpleQueueService.NonExistentQueue): no", 60),
    ("sns subscribe", "An error occurred (NotFound) when calling the Subscribe operation: Topic does not exist", 60),
    ("s3api put-object", "An error occurred (ConditionalRequestConflict) when calling the PutObject operation: no", 60),
    (
        "iam create-role",
        "An error occurred (MalformedPolicyDocument) when calling the CreateRole operation: Invalid principal in"
        ' policy: "FEDERATED":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"',
        60,
    ),
    ("s3api create-bucket", "An error occurred (OperationAborted): A conflicting conditional operation", 600),
    ("s3api put-bucket-versioning", "An error occurred (NoSuchBucket): The specified bucket does not exist", 120),
    ("s3api put-public-access-block", "An error occurred (OperationAborted): A conflicting operation", 120),
    (
        "s3 cp",
        "upload failed: a to s3://b/a An error occurred (NoSuchBucket) when calling the PutObject operation",
        120,
    ),
    (
        "s3api put-bucket-notification-configuration",
        "An error occurred (InvalidArgument): Unable to validate the following destination configurations",
        120,
    ),
    (
        "secretsmanager create-secret",
        "An error occurred (InvalidRequestException): already scheduled for deletion.",
        70,
    ),
    ("iam put-role-policy", "An error occurred (NoSuchEntity): The role with name r cannot be found.", 120),
    ("iam create-role", "An error occurred (ConcurrentModification): Please wait and try again.", 120),
    ("events put-rule", "An error occurred (ConcurrentModificationException): Rule r is being modified", 60),
    ("events put-targets", "An error occurred (ResourceNotFoundException): Rule r does not exist", 60),
    ("logs put-retention-policy", "An error occurred (OperationAbortedException): A conflicting operation", 60),
    ("logs put-retention-policy", "An error occurred (ResourceNotFoundException): The log group does not exist", 60),
    ("iam delete-role", "An error occurred (DeleteConflict): Cannot delete entity", 70),
    ("iam get-account-authorization-details", "An error occurred (Throttling): Rate exceeded", 120),
]
# The same codes where they do not pass, and refusals that never do.
LASTS = [
    ("lambda create-function", CONFLICT.format("CreateFunction") + "Function already exist: f"),
    ("lambda add-permission", CONFLICT.format("AddPermission") + "The statement id (schedule) provided already exists"),
    ("lambda invoke", "An error occurred (ResourceNotFoundException): Function not found: f"),
    ("lambda invoke", "An error occurred (ServiceException) when calling the Invoke operation: it may have run"),
    ("s3api create-bucket", "An error occurred (BucketAlreadyExists): no"),
    ("s3api get-object", "An error occurred (NoSuchBucket): no"),
    ("iam put-role-policy", "An error occurred (AccessDenied): User is not authorized to perform: iam:PutRolePolicy"),
    ("lambda create-function", PARAMETER + "Value '3.99' at 'runtime' failed to satisfy constraint"),
    ("lambda publish-layer-version", "An error occurred (CodeStorageExceededException): limit"),
    ("sts get-caller-identity", "An error occurred (ExpiredToken): The security token included is expired"),
]


@pytest.mark.parametrize(("call", "words", "seconds"), MET)
def test_what_passes_is_waited_for(call: str, words: str, seconds: int) -> None:
    assert retry_time_s(call, f"\n{words}\n", CALLS) == seconds
    # As version 2 wraps it.
    assert retry_time_s(call, f"\naws: [ERROR]: {words}\n\nAdditional error details:\nType: User\n", CALLS) == seconds


@pytest.mark.parametrize(("call", "words"), LASTS)
def test_what_does_not_pass_is_not(call: str, words: str) -> None:
    assert retry_time_s(call, words, CALLS) == 0


def _said(error: Exception) -> str:
    """Return the answer that Lambda makes of an exception."""
    return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "requestId": "1"})


OF_FUNCTIONS = [
    (_said(AwsRefused("Secrets Manager", "reading secret s", "AccessDeniedException", "deploy again")), 120),
    (_said(MissingObject("lake", "runs/00000001.json")), SPREADS_S),
    (_said(NotYet("source: its WAL was not flushed in time")), 120),
    (_said(AwsUnavailable("S3", "reading", "SlowDown")), 60),
    (_said(ServiceUnavailable("source", "connecting to db", "TimeoutError")), 0),
    (_said(ServiceRefused("warehouse", "connecting", "28P01", "fix")), 0),
    ('{"errorType": "Runtime.ImportModuleError", "errorMessage": "no numpy"}', 0),
    ('{"errorMessage": "Task timed out after 300.00 seconds"}', 0),
]


@pytest.mark.parametrize(("words", "seconds"), OF_FUNCTIONS)
def test_an_error_of_a_function_that_passes(words: str, seconds: int) -> None:
    assert function_retry_time_s(words) == seconds


def test_every_row_is_met_and_says_why() -> None:
    for row in CALLS:
        assert row.reason
        assert any(retry_time_s(what, words, (row,)) for what, words, _ in MET), row
    assert {json.loads(answer).get("errorType") for answer, _ in OF_FUNCTIONS} >= FUNCTIONS.keys()
    assert retry_time_s("f", "anything", (Transient("f", "any", 5, ""), Transient("f", "thing", 9, ""))) == 9


# ---- the scripts


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    return FakeAws(tmp_path / "fake")


@pytest.mark.parametrize(
    ("door", "call"), [("aws_write", "create-function"), ("aws_read", "get-function"), ("aws_find", "get-policy")]
)
def test_every_door_is_patient(aws: FakeAws, door: str, call: str) -> None:
    words = "!Throttling" if door != "aws_write" else "!The role defined for the function cannot be assumed by Lambda"
    aws.answers(f"lambda {call}", words, words, '{"FunctionName": "f"}')
    done = doors.run(aws, f"{door} lambda {call} --function-name f")
    assert (done.returncode, done.stdout.strip()) == (0, '{"FunctionName": "f"}')
    assert len(aws.asked) == 3
    assert done.stderr.splitlines()[0].startswith(f"wait    until AWS is ready for lambda {call}, at most ")


def test_a_door_gives_up_with_the_last_words(aws: FakeAws) -> None:
    aws.answers("s3api put-bucket-versioning", "!NoSuchBucket")
    done = doors.run(aws, "aws_write s3api put-bucket-versioning --bucket b")
    assert done.returncode == 1
    assert len(aws.asked) == 60
    assert done.stderr.splitlines()[-1].endswith(
        "(NoSuchBucket) when calling it: NoSuchBucket. The error lasted for 120 s: run bash again later"
    )


def test_a_function_that_is_idle_for_weeks_is_waited_for_by_whoever_invokes_it(aws: FakeAws) -> None:
    for answer in ("!ResourceNotReadyException", "!ENINotReadyException", "!ResourceConflictException"):
        aws.answers("lambda invoke", answer, '{"did": []}')
        done = doors.run(aws, "invoke inspect '{}'", "script arguments aws invoke")
        assert (done.returncode, done.stdout) == (0, '{"did": []}'), done.stderr
        (aws.folder / "lambda.invoke.count").unlink()


def failing(aws: FakeAws, *errors: str) -> None:
    """Make a function fail with these errors, and then succeed. The error's text and its mark are in two places."""
    program = aws.folder / "aws"
    answers = "\n".join(
        f"{number}) printf '%s' '{error}' >\"$last\"; echo '{{\"FunctionError\": \"Unhandled\"}}' ;;"
        for number, error in enumerate(errors, start=1)
    )
    program.write_text(
        f"#!/usr/bin/env bash\nlast=${{!#}}\necho x >>{aws.folder}/asked\n"
        f"case $(wc -l <{aws.folder}/asked) in\n{answers}\n*) printf 'well' >\"$last\"; echo '{{}}' ;;\nesac\n"
    )


REFUSED = '{"errorType": "AwsRefused", "errorMessage": "S3: reading was refused (AccessDenied)"}'


def test_a_deploy_waits_for_what_a_function_says_while_a_policy_spreads(aws: FakeAws) -> None:
    failing(aws, REFUSED, REFUSED)
    done = doors.run(aws, "invoke extract '{}'")
    assert (done.returncode, done.stdout, doors.slept(aws.folder)) == (0, "well", 2), done.stderr


def test_who_must_not_ask_twice_does_not(aws: FakeAws) -> None:
    failing(aws, REFUSED)
    done = doors.run(aws, "invoke extract '{}'", "script arguments aws invoke")
    assert (done.returncode, doors.slept(aws.folder)) == (1, 0)
    assert done.stderr == "FAILED  totestream-test-extract: S3: reading was refused (AccessDenied)\n"


def test_a_new_function_is_active_before_anything_is_put_to_it(aws: FakeAws) -> None:
    made = "put_function create f ''; put_function create g ''"
    done = doors.run(aws, f"{made}; wait_for_new_functions; DRY_RUN=yes wait_for_new_functions")
    assert done.returncode == 0, done.stderr
    assert [line.split(" --cli")[0] for line in aws.asked] == [
        "lambda create-function",
        "lambda create-function",
        "lambda wait function-active-v2 --function-name f",
        "lambda wait function-active-v2 --function-name g",
    ]


@pytest.mark.parametrize(
    ("old", "calls"),
    [
        ("schedule", ["add-permission schedule-anew", "remove-permission schedule"]),
        ("schedule-anew", ["add-permission schedule", "remove-permission schedule-anew"]),
        (
            "schedule,schedule-anew",
            ["remove-permission schedule", "add-permission schedule", "remove-permission schedule-anew"],
        ),
    ],
)
def test_a_permission_is_put_in_the_place_of_another_without_a_gap(aws: FakeAws, old: str, calls: list[str]) -> None:
    done = doors.run(aws, f"KIND=permissions; put_permission update f.schedule {old}")
    assert done.returncode == 0, done.stderr
    assert [f"{line.split()[1]} {line.split()[-1]}" for line in aws.asked] == calls
