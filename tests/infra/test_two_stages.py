"""No right of one stage reaches a thing of another, however alike their names are."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest

from ops.stack import role_policies
from ops.stack.topology import BUCKETS, LOAD_TRIGGER, secrets
from shared.names import TOPICS, Names
from tests.infra.stubs import SETTINGS, TARGETS

pytestmark = pytest.mark.fast

ENDINGS = ("", "-two", "-load", "-transform", "-aaaaaa", "-two-aaaaaa")


def stage(ending: str) -> tuple[Names, dict[str, str]]:
    named = ("SOURCE_SECRET", "WAREHOUSE_SECRET", "WAREHOUSE_READER_SECRET", "SLACK_SECRET")
    logins = {name: SETTINGS[name] + ending for name in named}
    return Names("totestream", f"dev{ending}", "eu-west-2", "123456789012"), SETTINGS | logins


def things(names: Names, settings: dict[str, str]) -> Iterator[str]:
    """Return the ARNs of all that a role could have rights on."""
    functions = role_policies.role_policies(names, settings, TARGETS)
    yield from (names.function_arn(name) for name in functions)
    yield from (f"{names.log_group_arn(name)}:log-stream:2026/11/24/x" for name in functions)
    yield from (names.arn("secretsmanager", f"secret:{name}-Ab12Cd") for name in secrets(settings).values())
    for queue in (LOAD_TRIGGER, *TARGETS):
        yield from (names.queue_arn(name) for name in (names.queue(queue), names.dead_letter_queue(queue)))
    yield from (names.topic_arn(topic) for topic in TOPICS)
    for bucket in BUCKETS:
        yield names.bucket_arn(bucket)
        keys = ("runs/1.json", "manifests/1/dim_staff.json", "tables/dim_staff/x", "batches/staff/x", "health/x.json")
        yield from (names.bucket_arn(bucket, key) for key in keys)


@pytest.mark.parametrize("one", ENDINGS)
@pytest.mark.parametrize("other", ENDINGS)
def test_no_right_reaches_the_other_stage(one: str, other: str) -> None:
    rights = {
        resource
        for policy in role_policies.role_policies(*stage(one), TARGETS).values()
        for statement in policy["Statement"]
        for resource in statement["Resource"]
        # Metrics have no ARN: test_policies.py holds the namespace.
        if statement["Action"] != ["cloudwatch:PutMetricData"]
    }
    reached = {thing for thing in things(*stage(other)) for right in rights if fnmatchcase(thing, right)}
    assert bool(reached) == (one == other)
