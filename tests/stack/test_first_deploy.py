"""The deploy that made the stack, seen by others: by the services' models, and by IAM."""

import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

from local import folders
from tests.stack import deployer, transcript
from tests.stack.stack import LocalStack

LARGEST_STACK = 600 << 20  # 320 MB are used; a process that had the layer for itself would add 200


def test_every_call_fits_the_models_of_the_services(stack: LocalStack, first_calls: Path) -> None:
    calls = transcript.requests(first_calls)
    assert len(calls) > 200 and len({call["operation"] for call in calls}) > 30
    assert transcript.faults(first_calls) == []


def test_the_disk_has_the_layer_once_and_not_once_for_each_process(stack: LocalStack) -> None:
    home = folders.servers_folder(stack.folder)
    processes = list((home / "ministack/tmp").glob("ministack-lambda-*/layer_0/python/pandas"))
    assert len(processes) > 3
    found = sizes({home, stack.folder})
    assert found.total() < LARGEST_STACK, found


def sizes(tops: set[Path]) -> Counter[str]:
    """The bytes on the disk, by folder, without files that are links of others, as our Python's are."""
    found, links = Counter[str](), Counter[int]()
    for place, _, names in (step for top in tops for step in os.walk(top)):
        for name in names:
            with suppress(FileNotFoundError):  # the servers go on
                status = Path(place, name).lstat()
                links[status.st_ino] += 1
                if links[status.st_ino] == status.st_nlink:
                    found["/".join(Path(place).parts[:7])] += status.st_blocks * 512
    return found


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
