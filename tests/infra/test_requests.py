"""What deploy.sh asks of AWS."""

import json
from typing import Any

import pytest

from ops.stack.resources.base import DesiredStack
from ops.stack.resources.kinds import REQUESTS
from tests.infra.stubs import SETTINGS, TARGETS

pytestmark = pytest.mark.fast


def requests(kind: str, **settings: str) -> dict[str, dict[str, Any]]:
    return dict(REQUESTS[kind](DesiredStack(SETTINGS | settings, TARGETS)))


def test_a_queue_gives_up_to_its_own_dead_letters() -> None:
    attributes = requests("queues")["totestream-test-dim_staff"]["Attributes"]
    assert json.loads(attributes["RedrivePolicy"]) == {
        "deadLetterTargetArn": "arn:aws:sqs:eu-west-2:123456789012:totestream-test-dim_staff-dlq",
        "maxReceiveCount": 12,
    }


def test_sqs_takes_attributes_as_text() -> None:
    for request in (*requests("queues").values(), *requests("dead_letter_queues").values()):
        assert all(isinstance(value, str) for value in request["Attributes"].values())


def test_a_subscription_filters_by_table() -> None:
    attributes = requests("subscriptions")["totestream-test-dim_staff"]["Attributes"]
    assert json.loads(attributes["FilterPolicy"]) == {"table": ["department", "staff"]}
    assert attributes["RawMessageDelivery"] == "true"


def test_every_permission_says_for_whom_by_an_arn_alone_which_holds_the_account() -> None:
    for request in requests("permissions").values():
        assert request["SourceArn"].startswith("arn:aws:") and ":123456789012:" in request["SourceArn"]
        assert "SourceAccount" not in request


def test_the_topic_alerts_may_invoke_the_function_that_hears_it() -> None:
    heard = requests("alert_subscriptions")["totestream-test-alert"]
    permission = requests("permissions")["totestream-test-alert.alerts"]
    assert heard["Endpoint"].endswith(f":function:{permission['FunctionName']}")
    assert (permission["Principal"], permission["SourceArn"]) == ("sns.amazonaws.com", heard["TopicArn"])


def test_mail_is_written_to_the_address_and_to_nobody_without_one() -> None:
    mail = requests("alert_subscriptions")["totestream-test-mail"]
    assert (mail["Protocol"], mail["Endpoint"]) == ("email", "someone@example.com")
    assert set(requests("alert_subscriptions", ALERT_EMAIL="")) == {"totestream-test-alert"}


def test_the_budget_tells_by_mail_of_what_was_spent_and_of_what_will_be() -> None:
    (budget,) = requests("budgets").values()
    assert budget["Budget"]["BudgetLimit"] == {"Amount": "10", "Unit": "USD"}
    expected = budget["NotificationsWithSubscribers"]
    notices = [each["Notification"] for each in expected]
    assert [(each["NotificationType"], each["Threshold"]) for each in notices] == [
        ("ACTUAL", 80.0),
        ("FORECASTED", 100.0),
    ]
    mail = "arn:aws:sns:eu-west-2:123456789012:totestream-test-mail"
    assert [each["Subscribers"] for each in expected] == [[{"SubscriptionType": "SNS", "Address": mail}]] * 2
    assert requests("budgets", MONTHLY_BUDGET_USD="") == {}


def test_both_buckets_keep_versions_and_refuse_what_is_written_over_another() -> None:
    parts = requests("bucket_parts")
    for bucket in ("totestream-test-ingestion-123456789012", "totestream-test-processed-123456789012"):
        assert parts[f"{bucket}.bucket-versioning"]["VersioningConfiguration"] == {"Status": "Enabled"}
        denied, _ = json.loads(parts[f"{bucket}.bucket-policy"]["Policy"])["Statement"]
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "s3:PutObject")
        assert denied["Condition"] == {"Null": {"s3:if-none-match": "true"}}
        assert f"arn:aws:s3:::{bucket}/*" not in denied["Resource"]


def test_an_endpoint_without_tls_is_not_asked_for_it() -> None:
    parts = requests("bucket_parts", AWS_ENDPOINT_URL="http://127.0.0.1:4566", CREATE_ONLY="no")
    assert not [name for name in parts if name.endswith(".bucket-policy")]


def test_aws_is_asked_for_tls() -> None:
    assert len([name for name in requests("bucket_parts") if name.endswith(".bucket-policy")]) == 2


def test_no_notification_is_an_empty_list_so_that_an_old_one_is_removed() -> None:
    (notification,) = requests("bucket_notifications", LOAD_ON_MANIFEST="no").values()
    assert notification == {"QueueConfigurations": []}
    assert "totestream-test-load" not in requests("mappings", LOAD_ON_MANIFEST="no")


def test_a_manifest_triggers_a_load_by_a_queue_that_gives_many_triggers_to_one_load() -> None:
    (notification,) = requests("bucket_notifications").values()
    (configuration,) = notification["QueueConfigurations"]
    mapping = requests("mappings")["totestream-test-load"]
    assert (
        configuration["QueueArn"]
        == mapping["EventSourceArn"]
        == "arn:aws:sqs:eu-west-2:123456789012:totestream-test-bell"
    )
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (10, {"MaximumConcurrency": 2})


def test_a_trigger_expires_soon_and_becomes_no_dead_letter() -> None:
    attributes = requests("queues")["totestream-test-bell"]["Attributes"]
    assert (attributes["MessageRetentionPeriod"], attributes["VisibilityTimeout"]) == ("900", "300")
    assert "RedrivePolicy" not in attributes
    assert "totestream-test-bell-dlq" not in requests("dead_letter_queues")


def test_only_what_needs_a_database_is_put_into_the_private_network() -> None:
    made = requests("function_configurations", SUBNET_IDS="subnet-1, subnet-2", SECURITY_GROUP_IDS="sg-1")
    inside = {name for name, request in made.items() if request["VpcConfig"]["SubnetIds"]}
    assert inside == {f"totestream-test-{noun}" for noun in ("extract", "load", "migrate", "inspect")}
    roles = requests("role_policies", SUBNET_IDS="subnet-1", SECURITY_GROUP_IDS="sg-1")
    assert {name for name, request in roles.items() if "ec2:" in request["PolicyDocument"]} == inside


def test_without_a_private_network_no_role_may_make_interfaces() -> None:
    assert "ec2:" not in str(requests("role_policies"))


def test_everything_that_can_be_tagged_is() -> None:
    for kind in (
        "queues",
        "dead_letter_queues",
        "topics",
        "roles",
        "log_groups",
        "functions",
        "rules",
        "secrets",
        "alarms",
    ):
        for request in requests(kind).values():
            tags = request.get("tags") or request["Tags"]
            assert tags in (
                {"project": "totestream", "stage": "test"},
                [{"Key": "project", "Value": "totestream"}, {"Key": "stage", "Value": "test"}],
            )


def test_names_stay_within_what_aws_takes() -> None:
    longest = {"PROJECT": "p" * 20, "STAGE": "s" * 9}
    for kind, limit in (("functions", 64), ("roles", 64), ("rules", 64), ("buckets", 63), ("dead_letter_queues", 80)):
        assert max(map(len, requests(kind, **longest))) <= limit
