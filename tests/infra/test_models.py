"""Each request that a deploy can send fits what AWS publishes of the operation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ops.stack.resources.base import DesiredStack
from ops.stack.resources.kinds import REQUESTS
from tests.infra import service_models
from tests.infra.stubs import SETTINGS, TARGETS

pytestmark = pytest.mark.fast

PRIVATE = {"SUBNET_IDS": "subnet-0a1b2c3d", "SECURITY_GROUP_IDS": "sg-0a1b2c3d"}
BOUNDED = {"PERMISSIONS_BOUNDARY": "arn:aws:iam::123456789012:policy/boundary"}
# Which operation takes the requests of a kind; a bucket's part is named for its own.
OPERATIONS = {
    "alarms": "cloudwatch PutMetricAlarm",
    "alert_subscriptions": "sns Subscribe",
    "bucket_notifications": "s3 PutBucketNotificationConfiguration",
    "bucket_parts": "s3 Put",
    "buckets": "s3 CreateBucket",
    "budget_changes": "budgets UpdateBudget",
    "budget_notifications": "budgets CreateNotification",
    "budgets": "budgets CreateBudget",
    "dashboards": "cloudwatch PutDashboard",
    "dead_letter_queue_attributes": "sqs SetQueueAttributes",
    "dead_letter_queues": "sqs CreateQueue",
    "function_codes": "lambda UpdateFunctionCode",
    "function_configurations": "lambda UpdateFunctionConfiguration",
    "functions": "lambda CreateFunction",
    "lifecycles": "s3 PutBucketLifecycleConfiguration",
    "log_groups": "logs CreateLogGroup",
    "log_retentions": "logs PutRetentionPolicy",
    "mapping_changes": "lambda UpdateEventSourceMapping",
    "mappings": "lambda CreateEventSourceMapping",
    "permissions": "lambda AddPermission",
    "queue_attributes": "sqs SetQueueAttributes",
    "queues": "sqs CreateQueue",
    "role_boundaries": "iam PutRolePermissionsBoundary",
    "role_policies": "iam PutRolePolicy",
    "role_trusts": "iam UpdateAssumeRolePolicy",
    "roles": "iam CreateRole",
    "rule_targets": "events PutTargets",
    "rules": "events PutRule",
    "secrets": "secretsmanager CreateSecret",
    "subscription_attributes": "sns SetSubscriptionAttributes",
    "subscriptions": "sns Subscribe",
    "invoke_configs": "lambda PutFunctionEventInvokeConfig",
    "topic_policies": "sns SetTopicAttributes",
    "topics": "sns CreateTopic",
}
# What bash adds, which knows it from AWS.
FOUND = {
    "SetQueueAttributes": {"QueueUrl": "https://sqs.eu-west-2.amazonaws.com/123456789012/x"},
    "SetSubscriptionAttributes": {"SubscriptionArn": "arn:aws:sns:eu-west-2:123456789012:x:1"},
    "UpdateEventSourceMapping": {"UUID": "01234567-0123-0123-0123-0123456789ab"},
}


# The action on these puts them beside other people's.
BESIDE = {"bucket_notifications": "NotificationConfiguration", "lifecycles": "LifecycleConfiguration"}


def calls() -> Iterator[tuple[str, str, dict[str, Any]]]:
    requests = DesiredStack(SETTINGS | PRIVATE | BOUNDED, TARGETS)
    for kind, operation in OPERATIONS.items():
        service, _, name = operation.partition(" ")
        for thing, request in REQUESTS[kind](requests):
            part = thing.partition(".")[2].title().replace("-", "") if kind == "bucket_parts" else ""
            whole = {"Bucket": thing, BESIDE[kind]: request} if kind in BESIDE else request
            yield service, name + part, FOUND.get(name, {}) | whole


def test_every_kind_of_request_is_known_here() -> None:
    assert REQUESTS.keys() == OPERATIONS.keys()


def test_every_request_fits_the_model_of_its_service() -> None:
    sent = list(calls())
    assert {operation for _, operation, _ in sent} >= {"PutBucketPolicy", "PutTargets", "CreateBudget"}
    assert [fault for call in sent for fault in service_models.faults(*call)] == []


SPOILT: list[tuple[str, dict[str, Any]]] = [
    ("lambda CreateFunction", {"MemorySize": 99_999}),
    ("lambda CreateFunction", {"Runtime": "python2.8"}),
    ("lambda CreateFunction", {"MemorySise": 256}),
    ("lambda CreateEventSourceMapping", {"ScalingConfig": {"MaximumConcurrency": 1}}),
    ("lambda PutFunctionEventInvokeConfig", {"MaximumEventAgeInSeconds": 59}),
    ("iam CreateRole", {"RoleName": "a" * 65}),
    ("iam CreateRole", {"Tags": [{"Key": "<", "Value": "x"}]}),
    ("events PutRule", {"Name": "no spaces"}),
    ("s3 CreateBucket", {"ObjectOwnership": "Anyone"}),
    ("logs CreateLogGroup", {"logGroupName": "/aws/lambda/what?"}),
    ("cloudwatch PutMetricAlarm", {"AlarmName": ""}),
    ("budgets CreateBudget", {"AccountId": "one"}),
]


@pytest.mark.parametrize(("operation", "fault"), SPOILT, ids=lambda value: json.dumps(value)[:40])
def test_a_planted_fault_is_found(operation: str, fault: dict[str, Any]) -> None:
    request = next(call for service, name, call in calls() if f"{service} {name}" == operation)
    service, _, name = operation.partition(" ")
    assert service_models.faults(service, name, request) == []
    assert service_models.faults(service, name, request | fault) != []
