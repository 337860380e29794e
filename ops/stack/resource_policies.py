"""The policies of queues, topics and buckets: which services and accounts may use them, and how. Pure."""

from ops.stack.statements import Document, document
from ops.stack.topology import INGESTION, LOAD_TRIGGER, PROCESSED
from shared.lake.keys import BATCHES, CATALOGUE, MANIFESTS, PUBLISHED, QUARANTINE, RUNS, TABLES
from shared.names import ALERTS, CHANGES, MAIL, Names

# The folders whose objects are created once and never overwritten, by bucket. The exceptions are health/, and deploy/,
# whose packages are named by their content.
CREATED_ONCE = {INGESTION: (RUNS, PUBLISHED, BATCHES, CATALOGUE), PROCESSED: (MANIFESTS, TABLES, QUARANTINE)}
# The services that publish to a topic: alarms to both, the budget, which is no incident, by e-mail only.
NOTIFYING_SERVICES = {ALERTS: ("cloudwatch",), MAIL: ("cloudwatch", "budgets")}


def queue_policy(names: Names, queue: str, tls: bool) -> Document:
    """Allow the topic `changes`, whose ARN contains the account, to send to the queue or dead-letter queue.

    No SourceAccount is required: AWS does not document that SNS sends one for a subscription's dead letters, and a
    condition on a missing key would refuse every message.
    """
    return _only_from(names, queue, "sns", {"ArnEquals": {"aws:SourceArn": names.topic_arn(CHANGES)}}, tls)


def load_trigger_policy(names: Names, tls: bool) -> Document:
    """Allow the processed bucket to send to the trigger queue. The account is required, too: a bucket's ARN does not
    contain it, so a bucket of that name may belong to another account."""
    bucket = {"ArnEquals": {"aws:SourceArn": names.bucket_arn(PROCESSED)}}
    return _only_from(names, names.queue(LOAD_TRIGGER), "s3", bucket | _from_own_account(names), tls)


def topic_policy(names: Names, topic: str, tls: bool) -> Document:
    """Allow this account's identities, within their own policies, and the services that notify a person for it."""
    arn = names.topic_arn(topic)
    own = {
        "Effect": "Allow",
        "Principal": {"AWS": names.global_arn("iam", "root")},
        "Action": ["sns:Publish", "sns:Subscribe"],
        "Resource": arn,
    }
    services = [_publish_from(names, service, arn) for service in NOTIFYING_SERVICES.get(topic, ())]
    return document(own, *services, *([_only_tls("sns:Publish", arn)] if tls else []))


def bucket_policy(names: Names, bucket: str, tls: bool, create_only: bool) -> Document | None:
    """Return the bucket's policy; None where neither TLS nor create-only writes can be required."""
    statements = [
        *([_create_only(names, bucket)] if create_only else []),
        *([_only_tls("s3:*", names.bucket_arn(bucket), names.bucket_arn(bucket, "*"))] if tls else []),
    ]
    return document(*statements) if statements else None


def _create_only(names: Names, bucket: str) -> Document:
    """Deny overwriting. This also denies copies and multipart uploads, which cannot be made create-only; the product
    makes none in these folders."""
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": [names.bucket_arn(bucket, f"{prefix}*") for prefix in CREATED_ONCE[bucket]],
        "Condition": {"Null": {"s3:if-none-match": "true"}},
    }


def _only_from(names: Names, queue: str, service: str, condition: Document, tls: bool) -> Document:
    arn = names.queue_arn(queue)
    sending = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": condition,
    }
    return document(sending, *([_only_tls("sqs:*", arn)] if tls else []))


def _publish_from(names: Names, service: str, topic: str) -> Document:
    sources = {
        "cloudwatch": names.arn("cloudwatch", f"alarm:{names.prefix}-*"),
        "budgets": names.global_arn("budgets", "*"),
    }
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {"ArnLike": {"aws:SourceArn": sources[service]}} | _from_own_account(names),
    }


def _from_own_account(names: Names) -> Document:
    return {"StringEquals": {"aws:SourceAccount": names.account}}


def _only_tls(action: str, *resources: str) -> Document:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
