"""What each role may not: the calls of all others, and those that nobody needs, are tried on the deployed stack."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.names import Names
from shared.warehouse.registry import TARGETS
from tests.stack.sessions import clients_of, is_denied, session_of
from tests.stack.stack import LocalStack

NOUNS = ("extract", "load", "migrate", "watch", "alert", "inspect")
ONE, OTHER = "dim_design", "dim_staff"


@dataclass(frozen=True)
class Probe:
    """`reads` says that it changes nothing where it is allowed."""

    name: str
    service: str
    method: str
    params: dict[str, Any]
    reads: bool = False


def objects(names: Names) -> Iterator[Probe]:
    places = {
        "ingestion": (
            *("runs/0.json", "published/0.json", "batches/design/0", "batches/staff/0", "catalogue/0", "deploy/0"),
            *(f"health/{name}.json" for name in ("extract", "load", "watch", "incidents", "asked", "latest", "paused")),
        ),
        "processed": tuple(
            key
            for table in (ONE, OTHER)
            for key in (f"manifests/0/{table}.json", f"tables/{table}/0", f"quarantine/{table}/0")
        ),
    }
    for noun, keys in places.items():
        bucket = {"Bucket": names.bucket(noun)}
        yield Probe(f"list {noun}", "s3", "list_objects_v2", bucket | {"Prefix": "none"}, reads=True)
        yield Probe(f"policy of {noun}", "s3", "get_bucket_policy", bucket)
        yield Probe(f"open {noun}", "s3", "delete_public_access_block", bucket)
        yield Probe(f"versions of {noun}", "s3", "list_object_versions", bucket | {"Prefix": "none"})
        for key in keys:
            yield Probe(f"get {key}", "s3", "get_object", bucket | {"Key": key}, reads=True)
            yield Probe(f"put {key}", "s3", "put_object", bucket | {"Key": key, "Body": b"", "IfNoneMatch": "*"})
            yield Probe(f"delete {key}", "s3", "delete_object", bucket | {"Key": key})


def messages(names: Names, stack: LocalStack) -> Iterator[Probe]:
    sqs = stack.aws("sqs")
    for name in (ONE, OTHER, f"{ONE}-dlq", f"{OTHER}-dlq", "bell"):
        queue = {"QueueUrl": sqs.get_queue_url(QueueName=names(name))["QueueUrl"]}
        yield Probe(f"measure {name}", "sqs", "get_queue_attributes", queue | {"AttributeNames": ["All"]}, reads=True)
        yield Probe(f"receive {name}", "sqs", "receive_message", queue)
        yield Probe(f"send {name}", "sqs", "send_message", queue | {"MessageBody": "{}"})
        yield Probe(f"purge {name}", "sqs", "purge_queue", queue)
        yield Probe(f"set {name}", "sqs", "set_queue_attributes", queue | {"Attributes": {"VisibilityTimeout": "0"}})
    for noun in ("changes", "alerts", "mail"):
        topic = {"TopicArn": names.topic_arn(noun)}
        yield Probe(f"publish {noun}", "sns", "publish", topic | {"Message": "{}"})
        listener = {"Protocol": "email", "Endpoint": "someone@example.com"}
        yield Probe(f"subscribe {noun}", "sns", "subscribe", topic | listener)
        yield Probe(f"listeners of {noun}", "sns", "list_subscriptions_by_topic", topic, reads=True)


def others(names: Names, settings: dict[str, str]) -> Iterator[Probe]:
    for noun in ("SOURCE", "WAREHOUSE", "WAREHOUSE_OWNER", "WAREHOUSE_READER", "SLACK"):
        setting = f"{noun}_SECRET"
        secret = {"SecretId": settings[setting] or names("reader")}
        yield Probe(setting, "secretsmanager", "get_secret_value", secret, reads=True)
        yield Probe(f"put {setting}", "secretsmanager", "put_secret_value", secret | {"SecretString": "{}"})
    for noun in NOUNS:
        function = {"FunctionName": names.function(noun)}
        yield Probe(f"invoke {noun}", "lambda", "invoke", function | {"Payload": b'{"do": "nothing"}'})
        yield Probe(f"code of {noun}", "lambda", "get_function", function)
    load = {"FunctionName": names.function("load")}
    yield Probe("change a function", "lambda", "update_function_configuration", load | {"Timeout": 299})
    role = {"RoleName": names.function("load")}
    yield Probe("see a role", "iam", "get_role", role)
    everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    more = {"PolicyName": "more", "PolicyDocument": everything}
    yield Probe("give more rights", "iam", "put_role_policy", role | more)
    yield Probe("make a user", "iam", "create_user", {"UserName": "somebody"})
    taken = {"RoleArn": names.role_arn(names.function("migrate")), "RoleSessionName": "taken"}
    yield Probe("be another", "sts", "assume_role", taken)
    yield Probe("stop a schedule", "events", "disable_rule", {"Name": names.function("watch")})
    group = {"logGroupName": f"/aws/lambda/{names.function('load')}"}
    yield Probe("read logs", "logs", "filter_log_events", group)
    yield Probe("delete logs", "logs", "delete_log_group", group)
    yield Probe("delete alarms", "cloudwatch", "delete_alarms", {"AlarmNames": [names("watch-silent")]})
    yield Probe("see all buckets", "s3", "list_buckets", {})
    yield Probe("see all secrets", "secretsmanager", "list_secrets", {})
    yield Probe("elsewhere", "dynamodb", "list_tables", {})


LISTS = ("list ingestion", "list processed")
GET_RUNS, GET_PUBLISHED = "get runs/0.json", "get published/0.json"
GET_HEALTH = {
    f"get health/{name}.json" for name in ("extract", "load", "watch", "incidents", "asked", "latest", "paused")
}
GET_BATCHES = {"get batches/design/0", "get batches/staff/0"}
MANIFESTS, PARTS = (
    {f"get manifests/0/{table}.json" for table in (ONE, OTHER)},
    {f"get tables/{table}/0" for table in (ONE, OTHER)},
)
MEASURED = {f"measure {name}" for name in (ONE, OTHER, f"{ONE}-dlq", f"{OTHER}-dlq")}
# All that a role may of this, by hand: role_policies.py is what is tested.
ALLOWED: dict[str, set[str]] = {
    "extract": {
        *("SOURCE_SECRET", "list ingestion", "publish changes", GET_RUNS, GET_PUBLISHED, "get catalogue/0"),
        *(GET_HEALTH | GET_BATCHES),
        *("put runs/0.json", "put published/0.json", "put batches/design/0", "put batches/staff/0"),
        *("put health/extract.json", "put health/latest.json"),
    },
    "load": {
        *("WAREHOUSE_SECRET", *LISTS, GET_RUNS, *GET_HEALTH, *MANIFESTS, *PARTS, "put health/load.json"),
        *(
            "get quarantine/dim_design/0",
            "get quarantine/dim_staff/0",
            "invoke migrate",
            "measure bell",
            "receive bell",
        ),
    },
    "migrate": {
        *("WAREHOUSE_SECRET", "WAREHOUSE_OWNER_SECRET", "WAREHOUSE_READER_SECRET", "put WAREHOUSE_READER_SECRET"),
    },
    "watch": {
        *(*LISTS, GET_RUNS, GET_PUBLISHED, *GET_HEALTH, *MANIFESTS, *MEASURED, "publish changes", "publish alerts"),
        *(f"put health/{name}.json" for name in ("watch", "incidents", "asked")),
    },
    "alert": {"SLACK_SECRET", "publish mail", "listeners of mail"},
    "inspect": {
        *("WAREHOUSE_READER_SECRET", *LISTS, GET_RUNS, GET_PUBLISHED, *GET_BATCHES, *GET_HEALTH, *MANIFESTS, *PARTS),
        *(*MEASURED, "invoke alert"),
    },
    f"transform-{ONE}": {
        *(*LISTS, GET_RUNS, "get health/latest.json", "get batches/design/0"),
        *(f"{verb} manifests/0/{ONE}.json" for verb in ("get", "put")),
        *(f"{verb} {folder}/{ONE}/0" for verb in ("get", "put") for folder in ("tables", "quarantine")),
        *(f"measure {ONE}", f"receive {ONE}", f"send {ONE}-dlq"),
    },
    # Made of neither of them.
    "transform-fact_payment": {*LISTS, GET_RUNS, "get health/latest.json"},
}


def probes(stack: LocalStack) -> list[Probe]:
    names = stack.names
    return [*objects(names), *messages(names, stack), *others(names, stack.settings)]


@pytest.mark.parametrize("noun", ALLOWED)
def test_a_role_may_what_it_needs_and_nothing_else(stack: LocalStack, noun: str) -> None:
    assert TARGETS.keys() >= {ONE, OTHER, "fact_payment"}
    clients = clients_of(stack, session_of(stack, stack.names.function(noun)))
    tried = probes(stack)
    assert {probe.name for probe in tried} >= ALLOWED[noun]
    # What is allowed and changes something is not tried: the flow does it each minute.
    wrong = [
        f"{probe.name} is {'denied' if may else 'allowed'}"
        for probe in tried
        for may in (probe.name in ALLOWED[noun],)
        if (probe.reads or not may) and is_denied(clients, probe.service, probe.method, probe.params) == may
    ]
    assert wrong == []


def test_every_transform_keeps_to_its_own_table(stack: LocalStack) -> None:
    for table in TARGETS:
        if table == ONE:
            continue
        clients = clients_of(stack, session_of(stack, stack.names.transform(table)))
        mine = {"Bucket": stack.names.bucket("processed"), "Key": f"tables/{table}/0"}
        assert not is_denied(clients, "s3", "get_object", mine)
        for probe in probes(stack):
            if probe.name in (
                f"put tables/{ONE}/0",
                f"put manifests/0/{ONE}.json",
                f"receive {ONE}",
                "publish changes",
            ):
                assert is_denied(clients, probe.service, probe.method, probe.params), f"{table}: {probe.name}"
