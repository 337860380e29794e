"""The rights of each function: one role per function, with exactly the rights that it needs.

Pure functions that return IAM documents. A right that no test of the stack needs does not belong here.
"""

from collections.abc import Mapping, Sequence

from ops.stack.statements import Document, allow, document
from ops.stack.topology import (
    INGESTION,
    LOAD_TRIGGER,
    PROCESSED,
    NamedTable,
    Settings,
    Targets,
    functions,
    loads_on_manifest,
    owner_secret,
)
from ops.stack.vpc import vpc_statements
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

ALL_RUNS, ALL_PUBLISHED, ALL_BATCHES, ALL_HEALTH = (f"{prefix}*" for prefix in (RUNS, PUBLISHED, BATCHES, HEALTH))
ALL_MANIFESTS, ALL_TABLES, ALL_QUARANTINE = (f"{prefix}*" for prefix in (MANIFESTS, TABLES, QUARANTINE))


class Rights:
    """The statements of the roles' policies."""

    def __init__(self, names: Names, settings: Settings, targets: Targets) -> None:
        self.names, self.settings, self.targets = names, settings, targets

    def get(self, bucket: str, *keys: str) -> Document:
        return allow(["s3:GetObject"], *(self.names.bucket_arn(bucket, key) for key in keys))

    def put(self, bucket: str, *keys: str) -> Document:
        return allow(["s3:PutObject"], *(self.names.bucket_arn(bucket, key) for key in keys))

    def list(self, *buckets: str) -> Document:
        """Allow listing. It is also needed for reading: without it S3 answers 403 and not 404 for a missing key."""
        return allow(["s3:ListBucket"], *(self.names.bucket_arn(bucket) for bucket in buckets))

    def secret(self, *secrets: str) -> Document:
        """Allow reading the secrets. Secrets Manager ends a secret's ARN with six characters of its own."""
        return allow(["secretsmanager:GetSecretValue"], *self._secret_arns(*secrets))

    def put_secret(self, secret: str) -> Document:
        return allow(["secretsmanager:PutSecretValue"], *self._secret_arns(secret))

    def _secret_arns(self, *secrets: str) -> Sequence[str]:
        return sorted({self.names.arn("secretsmanager", f"secret:{secret}-??????") for secret in secrets})

    def publish(self, *topics: str) -> Document:
        return allow(self.with_batch("sns:Publish"), *(self.names.topic_arn(topic) for topic in topics))

    def with_batch(self, action: str) -> Sequence[str]:
        """Return the action, and for an emulator its batch action. AWS authorizes a batch as the single action, and has
        no action of the batch's name."""
        return [action, f"{action}Batch"] if self.settings.get("AWS_ENDPOINT_URL") else [action]

    def put_metrics(self) -> Document:
        """Allow publishing metrics of our namespace. Metrics have no ARN. AWS always sends the namespace in the request
        context; MiniStack never does, hence IfExists."""
        namespace = {"cloudwatch:namespace": self.names.prefix}
        return allow(["cloudwatch:PutMetricData"], "*") | {"Condition": {"StringEqualsIfExists": namespace}}

    def measure_queues(self) -> Document:
        """Allow counting the messages of all tables' queues. GetQueueUrl returns the URL that other calls need."""
        arns = [self.names.queue_arn(name) for table in sorted(self.targets) for name in self.queue_pair(table)]
        return allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], *arns)

    def queue_pair(self, table: str) -> tuple[str, str]:
        return self.names.queue(table), self.names.dead_letter_queue(table)

    def receive_triggers(self) -> Sequence[Document]:
        """Allow what Lambda does with the load function's role: receive messages from the trigger queue."""
        actions = ["sqs:ReceiveMessage", *self.with_batch("sqs:DeleteMessage"), "sqs:GetQueueAttributes"]
        return (
            [allow(actions, self.names.queue_arn(self.names.queue(LOAD_TRIGGER)))]
            if loads_on_manifest(self.settings)
            else []
        )

    def log(self, function: str) -> Document:
        return allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{self.names.log_group_arn(function)}:*")


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
        *r.receive_triggers(),
        allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("migrate"))),
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
    return [*([r.secret(slack)] if slack else []), r.publish(MAIL), allow(["sns:ListSubscriptionsByTopic"], mail)]


def _inspect(r: Rights) -> list[Document]:
    return [
        r.secret(r.settings["WAREHOUSE_READER_SECRET"]),
        r.get(INGESTION, ALL_RUNS, ALL_PUBLISHED, ALL_BATCHES, ALL_HEALTH),
        r.get(PROCESSED, ALL_MANIFESTS, ALL_TABLES, EXPIRED),
        r.list(INGESTION, PROCESSED),
        r.measure_queues(),
        allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("alert"))),
    ]


def _expire(r: Rights) -> list[Document]:
    """Allow deleting only where RETENTION_DAYS is set, and only batches and parts."""
    if not r.settings.get("RETENTION_DAYS"):
        return []
    parts = (r.names.bucket_arn(INGESTION, f"{BATCHES}*"), r.names.bucket_arn(PROCESSED, f"{TABLES}*"))
    return [
        r.get(INGESTION, ALL_RUNS, LATEST_HINT, EXPIRED),
        r.put(INGESTION, EXPIRED),
        r.get(PROCESSED, EXPIRED),
        r.put(PROCESSED, EXPIRED),
        r.list(INGESTION, PROCESSED),
        allow(["s3:DeleteObject"], *parts),
        allow(["lambda:InvokeFunction"], r.names.function_arn(r.names.function("inspect"))),
    ]


def _transform(r: Rights, target: NamedTable) -> list[Document]:
    queue, dead_letters = (r.names.queue_arn(name) for name in r.queue_pair(target.name))
    written = (f"{MANIFESTS}*/{target.name}.json", f"{TABLES}{target.name}/*", f"{QUARANTINE}{target.name}/*")
    taking = ["sqs:ReceiveMessage", *r.with_batch("sqs:DeleteMessage"), "sqs:ChangeMessageVisibility"]
    return [
        allow([*taking, "sqs:GetQueueAttributes", "sqs:GetQueueUrl"], queue),
        allow(["sqs:SendMessage", "sqs:GetQueueUrl"], dead_letters),
        r.get(
            INGESTION, ALL_RUNS, LATEST_HINT, EXPIRED, *(f"{BATCHES}{source}/*" for source in sorted(target.sources))
        ),
        r.get(PROCESSED, *written, EXPIRED),
        r.put(PROCESSED, *written),
        r.list(INGESTION, PROCESSED),
    ]


def role_policies(names: Names, settings: Settings, targets: Targets) -> dict[str, Document]:
    """Return the one inline policy of each function's role, by name; a role has its function's name."""
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
    vpc = {name: vpc_statements(names.function_arn(name)) if name in private else () for name in statements}
    return {name: document(*own, r.log(name), *vpc[name]) for name, own in statements.items()}


def trust_policy() -> Document:
    """Allow Lambda to assume the role. Lambda sends no SourceArn then, so the policy cannot require one."""
    principal = {"Service": "lambda.amazonaws.com"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
