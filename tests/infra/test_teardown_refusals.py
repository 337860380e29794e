"""What AWS says of names that are still being deleted and of things already gone, and no emulator does."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.stack.resources.base import DesiredStack
from ops.stack.resources.kinds import REQUESTS
from tests.infra import stubs
from tests.infra.fake_aws import FakeAws
from tests.infra.stubborn_s3 import StubbornS3

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "PROJECT": "totestream",
    "STAGE": "dev",
    "AWS_REGION": "eu-west-2",
    "SOURCE_SECRET": "s",
    "WAREHOUSE_SECRET": "w",
    "WAREHOUSE_SCHEMA": "star",
    "SLACK_SECRET": "",
}
READER = "totestream-dev-reader"
LOGIN = json.dumps({"host": "h", "port": 1, "dbname": "d", "username": "u", "password": "very-secret"})
TAGS = [{"Key": "project", "Value": "totestream"}, {"Key": "stage", "Value": "dev"}]
ACCOUNT = "eu-west-2:123456789012"
# Its waits are minutes: here they take no time.
DEPLOY = """
    source infra_bash/lib/script.sh
    for part in arguments settings aws state ../aws/s3 ../aws/secrets ../aws/lambda; do
      source infra_bash/lib/$part.sh
    done
    sleep() { :; }
    SETTINGS_FILE=$1
    load_settings
    read_account
    cp -r "$2/." "$STATE"
"""


@pytest.fixture
def aws(tmp_path: Path) -> FakeAws:
    made = FakeAws(tmp_path / "aws")
    (made.folder / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in SETTINGS.items()))
    return made


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the requests of these kinds, which takes a second."""
    folder = tmp_path_factory.mktemp("wanted")
    requests = DesiredStack(stubs.SETTINGS | SETTINGS, stubs.TARGETS)
    for kind in ("buckets", "bucket_parts", "secrets", "mappings", "queues"):
        (folder / kind).mkdir()
        for name, request in REQUESTS[kind](requests):
            (folder / kind / f"{name}.json").write_text(json.dumps(request))
    return folder


def run(aws: FakeAws, *command: str | Path, typed: str = "", s3: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command; `s3` is the address of S3 for calls that are not made by the AWS CLI."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TOTESTREAM_AWS": str(aws.program)}
    environment |= (
        {"AWS_ENDPOINT_URL_S3": s3, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} if s3 else {}
    )
    return subprocess.run(command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, check=False)


Deploy = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def deploy(aws: FakeAws, wanted: Path) -> Deploy:
    """Run the parts of deploy.sh that create buckets and secrets."""
    return lambda what: run(aws, "bash", "-c", DEPLOY + what, "deploy.sh", aws.folder / "settings.env", wanted)


def teardown(aws: FakeAws, *options: str, typed: str = "", s3: str = "") -> subprocess.CompletedProcess[str]:
    return run(aws, "infra_bash/teardown.sh", "--settings", aws.folder / "settings.env", *options, typed=typed, s3=s3)


def secrets_file(aws: FakeAws, **values: str) -> None:
    file = aws.folder / "secrets.env"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))


# ---- the next deploy


def test_a_bucket_whose_name_is_still_being_deleted_is_waited_for(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers("s3api create-bucket", "!OperationAborted", "!OperationAborted", "{}")
    done = deploy("ensure_buckets")
    assert done.returncode == 0, done.stderr
    assert len(aws.asked_for("s3api create-bucket")) == 4
    assert done.stderr.startswith("wait    until AWS is ready for s3api create-bucket, at most 600 s\ncreate  bucket ")


def test_a_name_that_never_comes_free_is_one_line_with_the_ways_out(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers("s3api create-bucket", "!OperationAborted")
    done = deploy("ensure_buckets")
    assert done.returncode == 1
    (failed,) = [line for line in done.stderr.splitlines() if not line.startswith("wait")]
    assert failed.startswith("FAILED  s3api create-bucket: ") and "for 600 s: run" in failed
    assert failed.endswith("run deploy.sh again later, or choose another STAGE")


def test_a_bucket_that_is_ours_already_is_fine(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers("s3api create-bucket", "!BucketAlreadyOwnedByYou")
    done = deploy("ensure_buckets; ensure_bucket_parts")
    assert done.returncode == 0, done.stderr
    assert len(aws.asked_for("s3api put-bucket-tagging")) == 2


def test_a_bucket_of_somebody_else_is_not_waited_for(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers("s3api create-bucket", "!BucketAlreadyExists")
    done = deploy("ensure_buckets")
    assert done.returncode == 1
    assert done.stderr.startswith("FAILED  s3api create-bucket: ") and len(done.stderr.splitlines()) == 1


def test_a_mapping_that_is_still_going_is_none_and_waited_for(aws: FakeAws, deploy: Deploy, wanted: Path) -> None:
    mappings = [json.loads(file.read_text()) for file in sorted((wanted / "mappings").glob("*.json"))]
    for mapping in mappings:
        mapping["FunctionArn"] = f"arn:aws:lambda:{ACCOUNT}:function:{mapping['FunctionName']}"
        mapping |= {"UUID": "1", "State": "Deleting"}
    aws.answers("lambda list-event-source-mappings", json.dumps({"EventSourceMappings": mappings}))
    aws.answers("lambda create-event-source-mapping", "!ResourceConflictException: it already exists", "{}")
    done = deploy("ensure_mappings")
    assert done.returncode == 0, done.stderr
    assert len(aws.asked_for("lambda create-event-source-mapping")) == len(mappings) + 1
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["wait", *["create"] * len(mappings)]


def test_a_secret_whose_name_is_still_being_deleted_is_waited_for(aws: FakeAws, deploy: Deploy) -> None:
    secrets_file(aws, SOURCE_SECRET_VALUE=LOGIN, WAREHOUSE_SECRET_VALUE=LOGIN)
    aws.answers("secretsmanager describe-secret", "!ResourceNotFoundException")
    aws.answers("secretsmanager create-secret", "!InvalidRequestException: already scheduled for deletion", "{}")
    done = deploy("ensure_secrets")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line[:4] != "wait"] == [
        f"create  secret {name}" for name in ("s", READER, "w")
    ]


def test_a_secret_that_waits_for_its_deletion_is_restored_and_put(aws: FakeAws, deploy: Deploy) -> None:
    secrets_file(aws, SOURCE_SECRET_VALUE=LOGIN)
    aws.answers("secretsmanager describe-secret", "deleted", "exists")
    done = deploy("ensure_secrets")
    assert done.stderr == f"update  secret s (restored)\nok      secret {READER}\nok      secret w\n"
    calls = [line.split()[1] for line in aws.asked if line.startswith("secretsmanager")]
    assert calls == ["describe-secret", "restore-secret", "put-secret-value", *["describe-secret"] * 2]


def test_a_restored_secret_without_a_value_of_ours_keeps_its_own(aws: FakeAws, deploy: Deploy) -> None:
    aws.answers("secretsmanager describe-secret", "deleted", "exists")
    done = deploy("ensure_secrets")
    assert (done.returncode, done.stderr) == (
        0,
        f"update  secret s (restored)\nok      secret {READER}\nok      secret w\n",
    )
    assert not aws.asked_for("secretsmanager put-secret-value")


def test_a_value_that_is_no_login_is_found_before_anything_is_restored(aws: FakeAws, deploy: Deploy) -> None:
    secrets_file(aws, SOURCE_SECRET_VALUE='{"password": "very-secret"}')
    aws.answers("secretsmanager describe-secret", "deleted")
    done = deploy("ensure_secrets")
    assert done.returncode == 1 and "SOURCE_SECRET_VALUE lacks" in done.stderr
    assert not aws.asked_for("secretsmanager restore-secret")


def test_a_secret_that_is_gone_before_it_is_restored_is_made(aws: FakeAws, deploy: Deploy) -> None:
    secrets_file(aws, SOURCE_SECRET_VALUE=LOGIN)
    aws.answers("secretsmanager describe-secret", "deleted", "exists")
    aws.answers("secretsmanager restore-secret", "!ResourceNotFoundException")
    done = deploy("ensure_secrets")
    assert done.stderr == f"create  secret s\nok      secret {READER}\nok      secret w\n"


def test_a_login_is_in_no_argument_and_no_line(aws: FakeAws, deploy: Deploy) -> None:
    secrets_file(aws, SOURCE_SECRET_VALUE=LOGIN, WAREHOUSE_SECRET_VALUE=LOGIN)
    aws.answers("secretsmanager describe-secret", *["deleted", "exists", "!ResourceNotFoundException"] * 5)
    done = deploy("OPTION_PUT_SECRETS=yes; for DRY_RUN in no yes no; do ensure_secrets; done")
    assert done.returncode == 0, done.stderr
    assert (
        done.stderr.splitlines() == ["update  secret s (restored)", f"update  secret {READER}", "create  secret w"] * 3
    )
    assert "very-secret" not in done.stdout + done.stderr + "".join(aws.asked)


# ---- the teardown

QUEUES = ["https://sqs/1/totestream-dev-dim_staff", "https://sqs/1/totestream-dev-two-dim_staff"]
BUCKET = "totestream-dev-ingestion-123456789012"


def test_what_is_gone_or_going_is_passed_over_in_silence(aws: FakeAws) -> None:
    """Skip the tags of what was deleted hours ago, a queue that was just deleted, a mapping that is being deleted, an
    address that was never confirmed."""
    gone = [f"arn:aws:sqs:{ACCOUNT}:totestream-dev-dim_old", f"arn:aws:lambda:{ACCOUNT}:function:totestream-dev-old"]
    tagged = {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": TAGS} for arn in gone]}
    function = f"arn:aws:lambda:{ACCOUNT}:function:totestream-dev-load"
    going = {"UUID": "1", "State": "Deleting", "FunctionArn": function, "EventSourceArn": "arn:aws:sqs:x"}
    topic = f"arn:aws:sns:{ACCOUNT}:totestream-dev-changes"
    waiting = [topic, "PendingConfirmation", "email", "a@b.c"]
    aws.answers("resourcegroupstaggingapi get-resources", json.dumps(tagged))
    aws.answers("lambda list-event-source-mappings", json.dumps({"EventSourceMappings": [going]}))
    aws.answers("sns list-subscriptions", json.dumps([waiting]))
    aws.answers("sqs list-queues", json.dumps(QUEUES))
    aws.answers("sqs delete-queue", "!AWS.SimpleQueueService.NonExistentQueue")
    done = teardown(aws, "--yes")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    deleted = [line for line in aws.asked if "delete" in line.split()[1]]
    assert deleted == ["sqs delete-queue --queue-url https://sqs/1/totestream-dev-dim_staff"]


def test_what_may_not_be_deleted_is_one_line_and_the_end(aws: FakeAws) -> None:
    aws.answers("sqs list-queues", json.dumps(QUEUES))
    aws.answers("sqs delete-queue", "!AccessDenied")
    done = teardown(aws, "--yes")
    assert done.returncode == 1
    assert done.stderr == "FAILED  sqs delete-queue: An error occurred (AccessDenied) when calling it: AccessDenied\n"


def test_what_a_running_function_wrote_into_an_emptied_bucket_goes_too(aws: FakeAws) -> None:
    """Report a queue that was created meanwhile, but not one that SQS still lists after its deletion."""
    aws.answers("sqs list-queues", json.dumps(QUEUES), json.dumps(QUEUES).replace("-two-dim_staff", "-fact_payment"))
    aws.answers("s3api list-buckets", json.dumps({"Buckets": [{"Name": BUCKET}]}), "{}")
    aws.answers("s3api delete-bucket", "!BucketNotEmpty", "{}")
    bucket = StubbornS3(["runs/00000001.json"])
    with bucket.served() as url:
        done = teardown(aws, "--with-data", typed="dev\n", s3=url)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[1:] == [
        "delete  queue totestream-dev-dim_staff",
        f"delete  bucket {BUCKET}",
        "stays   queue totestream-dev-fact_payment (run this again)",
    ]
    assert bucket.calls == [("list", 1), ("delete", 1), ("list", 0)]
    assert len(aws.asked_for("s3api delete-bucket")) == 2


def test_an_object_that_s3_keeps_ends_the_teardown(aws: FakeAws) -> None:
    """Fail although S3 answers success: it reports each object separately."""
    aws.answers("s3api list-buckets", json.dumps({"Buckets": [{"Name": BUCKET}]}))
    bucket = StubbornS3(["runs/1"])
    bucket.refuses = {"runs/1": ["AccessDenied"]}
    with bucket.served() as url:
        done = teardown(aws, "--with-data", typed="dev", s3=url)
    assert done.returncode == 1
    said = "An error occurred (AccessDenied) when calling the DeleteObjects operation: AccessDenied.: runs/1"
    expected = "ask the account's administrator to allow you the call DeleteObjects"
    assert done.stderr.splitlines()[1:] == [f"FAILED  emptying {BUCKET}: {said}; {expected}"]
    assert aws.asked_for("s3api delete-bucket") == []


def test_a_stage_goes_only_when_it_is_typed(aws: FakeAws) -> None:
    aws.answers("sqs list-queues", json.dumps(QUEUES))
    done = teardown(aws, typed="dev-two\n")
    assert done.returncode == 2
    asked, refused = done.stderr.splitlines()
    assert asked == "ask     type the name of this stage to remove this stage; its data stay"
    assert refused.endswith("'dev-two' is not the stage of these settings; nothing was deleted")
    assert not [line for line in aws.asked if "delete" in line.split()[1]]


@pytest.mark.parametrize("typed", ["", "dev-two\n"])
def test_data_go_only_when_the_stage_is_typed(aws: FakeAws, typed: str) -> None:
    aws.answers("s3api list-buckets", json.dumps({"Buckets": [{"Name": BUCKET}]}))
    aws.answers("sqs list-queues", json.dumps(QUEUES))
    done = teardown(aws, "--with-data", typed=typed)
    assert done.returncode == 2
    asked, refused = done.stderr.splitlines()
    assert asked.startswith("ask ") and BUCKET in asked
    assert refused.endswith("is not the stage of these settings; nothing was deleted")
    assert not [line for line in aws.asked if "delete" in line.split()[1]]
