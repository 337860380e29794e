"""Who may do what: one role per function with exactly its rights, and the policies of queues, topics, buckets.

Pure functions that return IAM documents. A right that no test of the stack needs does not belong here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ops.stack.topology import BELL, INGESTION, PROCESSED, NamedTable, Settings, Targets, functions, owner_secret, rings
from ops.stack.vpc import in_a_vpc
from shared.lake.keys import (
    BATCHES,
    CATALOGUE,
    EXPIRED,
    EXTRACT_HEALTH,
    HEALTH,
    INCIDENTS,
    LATEST_HINT,
    LOAD_HEALTH,
    MANIFESTS,
    PUBLISHED,
    QUARANTINE,
    REPUBLISHED,
    RUNS,
    TABLES,
    WATCH_HEALTH,
)
from shared.names import ALERTS, CHANGES, MAIL, Names

Document = dict[str, Any]
ALL_RUNS, ALL_PUBLISHED, ALL_BATCHES, ALL_HEALTH = (f"{prefix}*" for prefix in (RUNS, PUBLISHED, BATCHES, HEALTH))
ALL_MANIFESTS, ALL_TABLES, ALL_QUARANTINE = (f"{prefix}*" for prefix in (MANIFESTS, TABLES, QUARANTINE))
# What is written once and never again, by bucket. Only health/ and the packages, each named by its content, are not.
CREATED_ONCE = {INGESTION: (RUNS, PUBLISHED, BATCHES, CATALOGUE), PROCESSED: (MANIFESTS, TABLES, QUARANTINE)}


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(actions: Sequence[str], *resources: str) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


class Rights:
    """The statements roles are made of, in the words of the design."""

    def __init__(self, names: Names, settings: Settings, targets: Targets) -> None:
        self.names, self.settings, self.targets = names, settings, targets

    def get(self, bucket: str, *keys: str) -> Document:
        return _allow(["s3:GetObject"], *(self.names.bucket_arn(bucket, key) for key in keys))

    def put(self, bucket: str, *keys: str) -> Document:
        return _allow(["s3:PutObject"], *(self.names.bucket_arn(bucket, key) for key in keys))

    def list(self, *buckets: str) -> Document:
        """Also what makes a missing key 404 and not 403: reading relies on that."""
        return _allow(["s3:ListBucket"], *(self.names.bucket_arn(bucket) for bucket in buckets))

    def secret(self, *secrets: str) -> Document:
        """Secrets Manager ends a secret's ARN in six characters of its own."""
        return _allow(["secretsmanager:GetSecretValue"], *self._secret_arns(*secrets))

    def put_secret(self, secret: str) -> Document:
        return _allow(["secretsmanager:PutSecretValue"], *self._secret_arns(secret))

    def _secret_arns(self, *secrets: str) -> Sequence[str]:
        return sorted({self.names.arn("secretsmanager", f"secret:{secret}-??????") for secret in secrets})

    def publish(self, *topics: str) -> Document:
        return _allow(self.with_batch("sns:Publish"), *(self.names.topic_arn(topic) for topic in topics))

    def with_batch(self, action: str) -> Sequence[str]:
        """AWS authorises a batch as its single action, and knows no action of the batch's name; an emulator does."""
        return [action, f"{action}Batch"] if self.settings.get("AWS_ENDPOINT_URL") else [action]

    def put_metrics(self) -> Document:
        """Metrics have no ARN. AWS always says the namespace; MiniStack never does, hence IfExists."""
        namespace = {"cloudwatch:namespace": self.names.prefix}
        return _allow(["cloudwatch:PutMetricData"], "*") | {"Condition": {"StringEqualsIfExists": namespace}}

    def measure_queues(self) -> Document:
        """GetQueueUrl turns a name into the address that every other call needs."""
        arns = [self.names.queue_arn(name) for table in sorted(self.targets) for name in self.pair(table)]
        return _allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], *arns)

    def pair(self, table: str) -> tuple[str, str]:
        return self.names.queue(table), self.names.dead_letter_queue(table)

    def hear_the_bell(self) -> Sequence[Document]:
        """What Lambda does on the loader's behalf."""
        actions = ["sqs:ReceiveMessage", *self.with_batch("sqs:DeleteMessage"), "sqs:GetQueueAttributes"]
        return [_allow(actions, self.names.queue_arn(self.names.queue(BELL)))] if rings(self.settings) else []

    def log(self, function: str) -> Document:
        return _allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{self.names.log_group_arn(function)}:*")


def _extract(r: Rights) -> list[Document]:
    created = (ALL_BATCHES, ALL_RUNS, ALL_PUBLISHED)
    return [
        r.secret(r.settings["SOURCE_SECRET"]),
        r.get(INGESTION, *created, ALL_HEALTH, f"{CATALOGUE}*"),
        r.put(INGESTION, *created, EXTRACT_HEALTH, LATEST_HINT),
        r.list(INGESTION),
        r.publish(CHANGES),
    ]


def _load(r: Rights) -> list[Document]:
    return [
        r.secret(r.settings["WAREHOUSE_SECRET"]),
        r.get(INGESTION, ALL_RUNS, ALL_HEALTH),
        r.put(INGESTION, LOAD_HEALTH),
        r.get(PROCESSED, ALL_MANIFESTS, ALL_TABLES, ALL_QUARANTINE, EXPIRED),
        r.list(INGESTION, PROCESSED),
        *r.hear_the_bell(),
        _allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("migrate"))),
    ]


def _migrate(r: Rights) -> list[Document]:
    reader = r.settings["WAREHOUSE_READER_SECRET"]
    return [r.secret(r.settings["WAREHOUSE_SECRET"], owner_secret(r.settings), reader), r.put_secret(reader)]


def _watch(r: Rights) -> list[Document]:
    return [
        r.get(INGESTION, ALL_RUNS, ALL_PUBLISHED, ALL_HEALTH),
        r.put(INGESTION, WATCH_HEALTH, INCIDENTS, REPUBLISHED),
        r.get(PROCESSED, ALL_MANIFESTS),
        r.list(INGESTION, PROCESSED),
        r.measure_queues(),
        r.publish(CHANGES, ALERTS),
        r.put_metrics(),
    ]


def _alert(r: Rights) -> list[Document]:
    slack = r.settings.get("SLACK_SECRET", "")
    mail = r.names.topic_arn(MAIL)
    return [*([r.secret(slack)] if slack else []), r.publish(MAIL), _allow(["sns:ListSubscriptionsByTopic"], mail)]


def _inspect(r: Rights) -> list[Document]:
    return [
        r.secret(r.settings["WAREHOUSE_READER_SECRET"]),
        r.get(INGESTION, ALL_RUNS, ALL_PUBLISHED, ALL_BATCHES, ALL_HEALTH),
        r.get(PROCESSED, ALL_MANIFESTS, ALL_TABLES, EXPIRED),
        r.list(INGESTION, PROCESSED),
        r.measure_queues(),
        _allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("alert"))),
    ]


def _expire(r: Rights) -> list[Document]:
    """Only where it has something to do may it delete, and only parts."""
    if not r.settings.get("RETENTION_DAYS"):
        return []
    parts = (r.names.bucket_arn(INGESTION, f"{BATCHES}*"), r.names.bucket_arn(PROCESSED, f"{TABLES}*"))
    return [
        r.get(INGESTION, ALL_RUNS, LATEST_HINT, EXPIRED),
        r.put(INGESTION, EXPIRED),
        r.get(PROCESSED, EXPIRED),
        r.put(PROCESSED, EXPIRED),
        r.list(INGESTION, PROCESSED),
        _allow(["s3:DeleteObject"], *parts),
        _allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("inspect"))),
    ]


def _transform(r: Rights, target: NamedTable) -> list[Document]:
    queue, dead_letters = (r.names.queue_arn(name) for name in r.pair(target.name))
    written = (f"{MANIFESTS}*/{target.name}.json", f"{TABLES}{target.name}/*", f"{QUARANTINE}{target.name}/*")
    taking = ["sqs:ReceiveMessage", *r.with_batch("sqs:DeleteMessage"), "sqs:ChangeMessageVisibility"]
    return [
        _allow([*taking, "sqs:GetQueueAttributes", "sqs:GetQueueUrl"], queue),
        _allow(["sqs:SendMessage", "sqs:GetQueueUrl"], dead_letters),
        r.get(
            INGESTION, ALL_RUNS, LATEST_HINT, EXPIRED, *(f"{BATCHES}{source}/*" for source in sorted(target.sources))
        ),
        r.get(PROCESSED, *written, EXPIRED),
        r.put(PROCESSED, *written),
        r.list(INGESTION, PROCESSED),
    ]


def role_policies(names: Names, settings: Settings, targets: Targets) -> dict[str, Document]:
    """The one inline policy of each function's role; a role bears its function's name."""
    r = Rights(names, settings, targets)
    statements: Mapping[str, list[Document]] = {
        names.function("extract"): _extract(r),
        **{names.transform(table): _transform(r, target) for table, target in targets.items()},
        names.function("load"): _load(r),
        names.function("migrate"): _migrate(r),
        names.function("watch"): _watch(r),
        names.function("alert"): _alert(r),
        names.function("inspect"): _inspect(r),
        names.function("expire"): _expire(r),
    }
    private = {each.name for each in functions(names, settings, targets) if each.private and settings.get("SUBNET_IDS")}
    vpc = {name: in_a_vpc(names.function_arn(name)) if name in private else () for name in statements}
    return {name: _document(*own, r.log(name), *vpc[name]) for name, own in statements.items()}


def trust_policy() -> Document:
    """Lambda may take the role. It sends no SourceArn when it does, so none can be asked for."""
    principal = {"Service": "lambda.amazonaws.com"}
    return _document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


def _only_tls(action: str, *resources: str) -> Document:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def queue_policy(names: Names, queue: str, tls: bool) -> Document:
    """The topic, whose ARN holds the account, may send to it; so may the topic's subscription to a dead letter. SNS is
    not documented to say a SourceAccount there, and one that is asked for in vain keeps every message away."""
    return _only_from(names, queue, "sns", {"ArnEquals": {"aws:SourceArn": names.topic_arn(CHANGES)}}, tls)


def bell_policy(names: Names, tls: bool) -> Document:
    """The processed bucket may send to it, on behalf of this account: anyone may have a bucket of some name."""
    bucket = {"ArnEquals": {"aws:SourceArn": names.bucket_arn(PROCESSED)}}
    return _only_from(names, names.queue(BELL), "s3", bucket | _of_account(names), tls)


def _of_account(names: Names) -> Document:
    return {"StringEquals": {"aws:SourceAccount": names.account}}


def _only_from(names: Names, queue: str, service: str, condition: Document, tls: bool) -> Document:
    arn = names.queue_arn(queue)
    sending = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": condition,
    }
    return _document(sending, *([_only_tls("sqs:*", arn)] if tls else []))


def topic_policy(names: Names, topic: str, tls: bool) -> Document:
    """This account's own identities, as far as their roles allow, and the services that tell a person something, on
    behalf of this account; no other account."""
    arn = names.topic_arn(topic)
    own = {
        "Effect": "Allow",
        "Principal": {"AWS": names.global_arn("iam", "root")},
        "Action": ["sns:Publish", "sns:Subscribe"],
        "Resource": arn,
    }
    services = [_telling(names, service, arn) for service in TELLING.get(topic, ())]
    return _document(own, *services, *([_only_tls("sns:Publish", arn)] if tls else []))


# Alarms tell both; the budget, which is no incident, writes a mail.
TELLING = {ALERTS: ("cloudwatch",), MAIL: ("cloudwatch", "budgets")}


def _telling(names: Names, service: str, topic: str) -> Document:
    sources = {
        "cloudwatch": names.arn("cloudwatch", f"alarm:{names.prefix}-*"),
        "budgets": names.global_arn("budgets", "*"),
    }
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": sources[service]}} | _of_account(names),
    }


def bucket_policy(names: Names, bucket: str, tls: bool, create_only: bool) -> Document | None:
    """None where neither can be asked for: then there is nothing to say."""
    statements = [
        *([_create_only(names, bucket)] if create_only else []),
        *([_only_tls("s3:*", names.bucket_arn(bucket), names.bucket_arn(bucket, "*"))] if tls else []),
    ]
    return _document(*statements) if statements else None


def _create_only(names: Names, bucket: str) -> Document:
    """Nobody writes over what is there. It refuses copies and uploads in parts as well, which nobody makes there:
    neither can be told to create."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [names.bucket_arn(bucket, f"{prefix}*") for prefix in CREATED_ONCE[bucket]],
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }
