from datetime import datetime
from typing import Any

import pytest

from ops.stack import resource_policies, role_policies
from ops.stack.topology import INGESTION, PROCESSED
from shared.lake import keys
from shared.names import ALERTS, CHANGES, MAIL, TOPICS
from tests.iam import is_allowed
from tests.infra.stubs import NAMES, SETTINGS, TARGETS

pytestmark = pytest.mark.fast

POLICIES = role_policies.role_policies(NAMES, SETTINGS, TARGETS)


def role(noun: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = POLICIES[NAMES(noun)]["Statement"]
    return statements


def resources(noun: str, action: str) -> set[str]:
    return {each for statement in role(noun) if action in statement["Action"] for each in statement["Resource"]}


def test_no_right_is_a_star() -> None:
    """But for metrics, which have no ARN: there it is one namespace."""
    for policy in POLICIES.values():
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action]
            assert ("*" in statement["Resource"]) == (statement["Action"] == ["cloudwatch:PutMetricData"])


def test_watch_alone_puts_metrics_and_into_the_stages_namespace() -> None:
    assert {name for name, policy in POLICIES.items() if "cloudwatch:" in str(policy)} == {NAMES("watch")}
    (putting,) = [statement for statement in role("watch") if "cloudwatch:PutMetricData" in statement["Action"]]
    assert putting["Condition"] == {"StringEqualsIfExists": {"cloudwatch:namespace": "totestream-test"}}


def test_every_function_writes_its_own_log_and_no_other() -> None:
    for name in POLICIES:
        noun = name.removeprefix("totestream-test-")
        assert resources(noun, "logs:PutLogEvents") == {f"{NAMES.log_group_arn(name)}:*"}


def test_a_login_is_read_only_by_whom_it_is_for() -> None:
    readers: dict[str, set[str]] = {}
    for name in POLICIES:
        noun = name.removeprefix("totestream-test-")
        for arn in resources(noun, "secretsmanager:GetSecretValue"):
            readers.setdefault(arn.rpartition(":")[2], set()).add(noun)
    assert readers == {
        "test/slack-??????": {"alert"},
        "test/source-??????": {"extract"},
        "test/warehouse-??????": {"load", "migrate"},
        "test/reader-??????": {"migrate", "inspect"},
    }


def test_migrate_alone_writes_a_secret_and_only_the_readers() -> None:
    reader = NAMES.arn("secretsmanager", "secret:test/reader-??????")
    written = {
        name: resources(name.removeprefix("totestream-test-"), "secretsmanager:PutSecretValue") for name in POLICIES
    }
    assert {name: arns for name, arns in written.items() if arns} == {NAMES("migrate"): {reader}}


def test_the_owners_login_is_only_for_migrate() -> None:
    settings = SETTINGS | {"WAREHOUSE_OWNER_SECRET": "test/owner"}
    having = {
        name for name, policy in role_policies.role_policies(NAMES, settings, TARGETS).items() if "owner" in str(policy)
    }
    assert having == {NAMES("migrate")}


def test_a_transform_writes_only_its_own_table() -> None:
    bucket = "arn:aws:s3:::totestream-test-processed-123456789012"
    written = ("manifests/*/dim_staff.json", "tables/dim_staff/*", "quarantine/dim_staff/*")
    assert resources("transform-dim_staff", "s3:PutObject") == {f"{bucket}/{key}" for key in written}


def test_a_transform_reads_only_the_batches_it_is_made_of() -> None:
    read = resources("transform-dim_staff", "s3:GetObject")
    batches = {arn.split("/", 1)[1] for arn in read if "/batches/" in arn}
    assert batches == {"batches/staff/*", "batches/department/*"}


def test_a_transform_takes_from_its_queue_and_gives_to_its_dead_letters() -> None:
    queue = "arn:aws:sqs:eu-west-2:123456789012:totestream-test-dim_staff"
    assert resources("transform-dim_staff", "sqs:ReceiveMessage") == {queue}
    assert resources("transform-dim_staff", "sqs:SendMessage") == {f"{queue}-dlq"}


def test_inspect_reads_what_a_row_was_made_of_and_no_refused_rows() -> None:
    read = {arn.removeprefix("arn:aws:s3:::totestream-test-") for arn in resources("inspect", "s3:GetObject")}
    own = "ingestion-123456789012", "processed-123456789012"
    assert read == {
        *(f"{own[0]}/{key}/*" for key in ("runs", "published", "batches", "health")),
        *(f"{own[1]}/{key}" for key in ("manifests/*", "tables/*", "health/expired.json")),
    }
    assert resources("inspect", "s3:PutObject") == set()


def test_in_a_private_network_lambda_may_make_interfaces_and_the_functions_code_may_not() -> None:
    private = role_policies.role_policies(NAMES, SETTINGS | {"SUBNET_IDS": "subnet-1"}, TARGETS)
    for noun in ("extract", "load", "migrate", "inspect"):
        allow, deny = (each for each in private[NAMES(noun)]["Statement"] if "ec2:" in str(each))
        assert (allow["Effect"], allow["Resource"], "Condition" in allow) == ("Allow", ["*"], False)
        # docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html, and the managed policy's version 3.
        assert {action.removeprefix("ec2:") for action in allow["Action"]} == {
            *("CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface"),
            *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
        }
        assert deny == {
            "Effect": "Deny",
            "Action": [*allow["Action"], "ec2:DetachNetworkInterface"],
            "Resource": ["*"],
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": NAMES.function_arn(NAMES(noun))}},
        }
    assert [name for name, policy in private.items() if "ec2:" in str(policy)] == [
        NAMES(noun) for noun in ("extract", "load", "migrate", "inspect")
    ]


def test_nobody_may_delete_an_object() -> None:
    assert "s3:Delete" not in str(POLICIES)


def test_each_topic_is_told_by_whom_it_is_for() -> None:
    told = {name: resources(name.removeprefix("totestream-test-"), "sns:Publish") for name in POLICIES}
    assert {name: topics for name, topics in told.items() if topics} == {
        NAMES("extract"): {NAMES.topic_arn(CHANGES)},
        NAMES("watch"): {NAMES.topic_arn(CHANGES), NAMES.topic_arn(ALERTS)},
        NAMES("alert"): {NAMES.topic_arn(MAIL)},
    }


def test_without_slack_the_function_alert_reads_no_secret() -> None:
    silent = role_policies.role_policies(NAMES, SETTINGS | {"SLACK_SECRET": ""}, TARGETS)
    assert "secretsmanager" not in str(silent[NAMES("alert")])


@pytest.mark.parametrize(
    ("topic", "services"), [(CHANGES, set()), (ALERTS, {"cloudwatch"}), (MAIL, {"cloudwatch", "budgets"})]
)
def test_a_topic_is_told_by_this_account_and_by_those_services_on_its_behalf(topic: str, services: set[str]) -> None:
    own, *others = resource_policies.topic_policy(NAMES, topic, tls=False)["Statement"]
    assert own["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert {each["Principal"]["Service"] for each in others} == {f"{service}.amazonaws.com" for service in services}
    for each in others:
        assert (each["Action"], each["Resource"]) == ("sns:Publish", NAMES.topic_arn(topic))
        assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert ":123456789012:" in each["Condition"]["ArnLike"]["aws:SourceArn"]


def test_a_queue_takes_messages_from_this_accounts_topic_only() -> None:
    (statement,) = resource_policies.queue_policy(NAMES, NAMES.queue("dim_staff"), tls=False)["Statement"]
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": NAMES.topic_arn(CHANGES)},
    }


def test_the_trigger_queue_takes_messages_from_this_accounts_processed_bucket_only() -> None:
    (statement,) = resource_policies.load_trigger_policy(NAMES, tls=False)["Statement"]
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Resource"] == "arn:aws:sqs:eu-west-2:123456789012:totestream-test-bell"
    assert statement["Condition"] == {
        "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::totestream-test-processed-123456789012"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_load_alone_receives_triggers() -> None:
    trigger_queue = NAMES.queue_arn("totestream-test-bell")
    assert resources("load", "sqs:ReceiveMessage") == {trigger_queue}
    assert {name for name, policy in POLICIES.items() if trigger_queue in str(policy)} == {NAMES("load")}


def test_without_triggers_load_needs_no_right_to_receive_them() -> None:
    silent = role_policies.role_policies(NAMES, SETTINGS | {"LOAD_ON_MANIFEST": "no"}, TARGETS)
    assert "sqs:" not in str(silent[NAMES("load")])


def test_tls_is_demanded_wherever_it_can_be_had() -> None:
    bucket = resource_policies.bucket_policy(NAMES, "ingestion", tls=True, create_only=True)
    queue = resource_policies.queue_policy(NAMES, NAMES.queue("dim_staff"), tls=True)
    topics = [resource_policies.topic_policy(NAMES, topic, tls=True) for topic in TOPICS]
    trigger_queue = resource_policies.load_trigger_policy(NAMES, tls=True)
    for policy in (bucket, queue, *topics, trigger_queue):
        assert policy is not None
        assert policy["Statement"][-1]["Effect"] == "Deny"
        assert policy["Statement"][-1]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert resource_policies.bucket_policy(NAMES, "ingestion", tls=False, create_only=False) is None


def test_parts_are_deleted_by_expire_alone_and_only_where_it_is_told_to() -> None:
    """It reads neither secrets nor rows, and sees what is loaded by asking inspect."""
    assert "s3:DeleteObject" not in str(POLICIES)
    assert role("expire") == [role_policies.Rights(NAMES, SETTINGS, TARGETS).log(NAMES("expire"))]
    kept = role_policies.role_policies(NAMES, SETTINGS | {"RETENTION_DAYS": "30"}, TARGETS)
    assert {name for name, policy in kept.items() if "s3:DeleteObject" in str(policy)} == {NAMES("expire")}
    (deleting,) = [each for each in kept[NAMES("expire")]["Statement"] if "s3:DeleteObject" in each["Action"]]
    ingestion, processed = (f"arn:aws:s3:::totestream-test-{noun}-123456789012" for noun in ("ingestion", "processed"))
    assert deleting["Resource"] == [f"{ingestion}/batches/*", f"{processed}/tables/*"]
    readable = {
        resource
        for each in kept[NAMES("expire")]["Statement"]
        if "s3:GetObject" in each["Action"]
        for resource in each["Resource"]
    }
    assert readable == {
        *(f"{ingestion}/{key}" for key in ("runs/*", "health/latest.json", "health/expired.json")),
        f"{processed}/health/expired.json",
    }


THEN = datetime(2026, 11, 27)
CREATED = {
    INGESTION: (
        keys.run_key(1),
        keys.published_key(1),
        keys.batch_part_key("staff", THEN, 1, "a", 0, "0"),
        keys.catalogue_key("staff", "0"),
    ),
    PROCESSED: (
        keys.manifest_key(1, "dim_staff"),
        keys.table_part_key("dim_staff", THEN, 1, 0, "0"),
        keys.quarantine_key("dim_staff", 1, "0"),
    ),
}
ANYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def is_taken(bucket: str, key: str, **context: str) -> bool:
    """Of somebody who may do everything; `*` and TLS are what S3 says of the header If-None-Match and of HTTPS."""
    policy = resource_policies.bucket_policy(NAMES, bucket, tls=True, create_only=True)
    assert policy is not None
    told = {"aws:SecureTransport": "true"} | {
        name.replace("__", ":").replace("_", "-"): context[name] for name in context
    }
    return is_allowed("s3:PutObject", NAMES.bucket_arn(bucket, key), told, ANYTHING, policy)


@pytest.mark.parametrize(("bucket", "key"), [(bucket, key) for bucket in CREATED for key in CREATED[bucket]])
def test_a_bucket_takes_what_is_created_and_refuses_whoever_writes_over_it(bucket: str, key: str) -> None:
    assert is_taken(bucket, key, s3__if_none_match="*")
    assert not is_taken(bucket, key)
    assert not is_taken(bucket, key, s3__if_match="etag")


def test_health_is_written_over_and_packages_are_uploaded_in_parts() -> None:
    for key in (keys.EXTRACT_HEALTH, keys.PAUSED, "deploy/code-1.zip"):
        assert is_taken(INGESTION, key)


def test_every_prefix_of_a_key_is_created_once_or_is_health() -> None:
    """A prefix that comes later must be put on one side."""
    named = {value for value in vars(keys).values() if isinstance(value, str) and value.endswith("/")}
    assert named == {prefix for prefixes in resource_policies.CREATED_ONCE.values() for prefix in prefixes} | {
        keys.HEALTH
    }
    assert {key.split("/")[0] + "/" for keys_ in CREATED.values() for key in keys_} == named - {keys.HEALTH}


def test_extract_load_and_watch_write_only_their_own_health() -> None:
    written = {
        noun: {key for arn in resources(noun, "s3:PutObject") if (key := arn.split("/", 1)[1]).startswith(keys.HEALTH)}
        for noun in (name.removeprefix("totestream-test-") for name in POLICIES)
    }
    assert {noun: found for noun, found in written.items() if found} == {
        "extract": {"health/extract.json", "health/latest.json"},
        "load": {"health/load.json"},
        "watch": {"health/watch.json", "health/incidents.json", "health/asked.json"},
    }
