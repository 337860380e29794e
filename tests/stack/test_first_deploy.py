"""The deploy that made the stack, seen by others: by the services' models, and by IAM."""

import json
from pathlib import Path

from tests.stack import deployer, transcript
from tests.stack.stack import LocalStack


def test_every_call_fits_the_models_of_the_services(stack: LocalStack, first_calls: Path) -> None:
    calls = transcript.requests(first_calls)
    assert len(calls) > 200 and len({call["operation"] for call in calls}) > 30
    assert transcript.faults(first_calls) == []


def test_a_right_less_and_the_deployer_cannot_deploy(stack: LocalStack) -> None:
    """So what made the stack, and what changes nothing here, had no other rights."""
    policy = deployer.policy(stack)
    less = json.loads(json.dumps(policy).replace('"sqs:ListQueues", ', ""))
    assert less != policy
    file = str(stack.folder / deployer.SETTINGS)
    deployer.give(stack, less)
    failed = stack.script("deploy", "--settings", file, "--dry-run")
    deployer.give(stack, policy)
    assert failed.returncode == 1 and "sqs list-queues" in failed.stderr and "AccessDenied" in failed.stderr
