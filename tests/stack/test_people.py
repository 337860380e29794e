"""Planning and operating as those who may do exactly that: docs/policies/, on this very stack."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops import people
from ops.stack.people import deployer
from ops.stack.statements import Document
from shared.warehouse.registry import TARGETS
from tests.iam import is_allowed
from tests.infra import iam_calls
from tests.stack import transcript
from tests.stack.stack import LocalStack

# What MiniStack calls AWS's actions. It does not say of which function an event source is, and names no thing of
# these services as AWS does: there the recorded calls are judged below.
EMULATORS = {
    "lambda:ListLayerVersions": ["lambda:ListLayers"],
    "budgets:ViewBudget": ["budgets:DescribeBudget", "budgets:DescribeNotificationsForBudget"],
}
UNNAMED = ("events:", "cloudwatch:", "budgets:", "logs:")
UNKNOWN_KEY = "lambda:FunctionArn"


def document(stack: LocalStack, name: str) -> Document:
    """Of this stack; without a boundary, of which MiniStack knows nothing."""
    settings = stack.settings | {
        "ACCOUNT_ID": stack.names.account,
        "PARTITION": stack.names.partition,
        "WAREHOUSE_READER_SECRET": stack.names("reader"),
    }
    if name == "deploy":
        return deployer(stack.names, settings)
    return people.documents(settings, TARGETS)[name]


def in_the_emulators_words(policy: Document) -> Document:
    statements = []
    for statement in policy["Statement"]:
        actions = [each for action in statement["Action"] for each in EMULATORS.get(action, [action])]
        statements.append(statement | {"Action": actions})
        if actions[0].startswith(UNNAMED):
            statements[-1]["Resource"] = ["*"]
        if UNKNOWN_KEY in json.dumps(statement.get("Condition", {})):
            del statements[-1]["Condition"]
    return policy | {"Statement": statements}


@contextmanager
def somebody(stack: LocalStack, name: str) -> Iterator[str]:
    """The settings file of a user with one of the policies and nothing else."""
    iam = stack.aws("iam")
    policy = json.dumps(in_the_emulators_words(document(stack, name)))
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    file = stack.folder / f"{name}.env"
    file.write_text("".join(f'{setting}="{value}"\n' for setting, value in (stack.settings | own).items()))
    try:
        yield str(file)
    finally:
        file.unlink()
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(UserName=name, PolicyName="rights")
        iam.delete_user(UserName=name)


def refused(stack: LocalStack, name: str, calls: Path) -> list[str]:
    """Those of the recorded calls that the policy does not allow, by the pure judgement."""
    policy = document(stack, name)
    return [
        f"{action} {resource}"
        for call in transcript.requests(calls)
        for action, resource, context in iam_calls.needed(
            stack.names, call["service"], call["operation"], call["params"]
        )
        if not is_allowed(action, resource, context, policy)
    ]


def test_a_first_deploy_asks_for_nothing_more_than_its_policy(stack: LocalStack, first_calls: Path) -> None:
    assert len(transcript.requests(first_calls)) > 200
    assert refused(stack, "deploy", first_calls) == []


def test_each_can_do_their_work_and_nobody_elses(stack: LocalStack, tmp_path: Path) -> None:
    noted = {name: transcript.to(tmp_path / f"{name}.db") for name in ("plan", "operate")}
    with somebody(stack, "plan") as file:
        planned = stack.script("deploy", "--dry-run", "--settings", file, **noted["plan"])
        assert planned.returncode == 0, planned.stderr
        assert "unknown warehouse tables" in planned.stderr
        assert not [line for line in planned.stderr.splitlines() if line.startswith(("create", "update", "delete"))]
        looked = stack.script("status", "--settings", file, **noted["plan"])
        assert "\nTABLE " in looked.stdout, looked.stderr
        for script in (["resync", "currency"], ["pause"]):
            denied = stack.script(*script, "--settings", file)
            assert denied.returncode == 1 and "AccessDenied" in denied.stderr, denied.stderr
    with somebody(stack, "operate") as file:
        for script in (["resync", "currency"], ["pause"], ["resume"], ["retry", "dim_staff"], ["logs", "extract"]):
            done = stack.script(*script, "--settings", file, **noted["operate"])
            assert done.returncode == 0, (script, done.stderr)
        denied = stack.script("deploy", "--settings", file)
        assert denied.returncode == 1 and "AccessDenied" in denied.stderr
    # What a dry run goes without, and says so.
    assert refused(stack, "plan", tmp_path / "plan.db") == [
        f"lambda:InvokeFunction {stack.names.function_arn(stack.names('migrate'))}"
    ]
    assert refused(stack, "operate", tmp_path / "operate.db") == []


def test_two_deploys_of_a_stage_at_once_are_one(stack: LocalStack) -> None:
    lock = json.dumps({"owner": "alice", "machine": "hers", "process": 1, "since": "2026-01-01T00:00:00+00:00"})
    held = lock.replace("}", ', "until": "2999-01-01T00:00:00+00:00"}')
    s3, bucket = stack.aws("s3"), stack.names.bucket("ingestion")
    s3.put_object(Bucket=bucket, Key="deploy/lock.json", Body=held)
    try:
        second = stack.script("deploy", "--local")
    finally:
        s3.delete_object(Bucket=bucket, Key="deploy/lock.json")
    assert second.returncode == 1
    assert "another deploy of totestream-local is running: alice, since 2026-01-01 00:00:00 UTC" in second.stderr
