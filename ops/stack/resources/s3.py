"""S3: the buckets, their settings, and the notification that triggers a load."""

import json
from collections.abc import Iterator
from typing import Any

from ops.stack import resource_policies, topology
from ops.stack.resources.base import (
    DesiredStack,
    Difference,
    Inventory,
    Json,
    Removals,
    Request,
    Requests,
    ResourceKind,
    StackState,
    diff,
    normal,
    only,
    without,
)
from ops.stack.topology import LOAD_TRIGGER, PROCESSED
from shared.lake.keys import HEALTH, MANIFESTS

# S3's default for a lifecycle document without TransitionDefaultMinimumObjectSize.
DEFAULT_SIZE = "all_storage_classes_128K"


class Buckets(ResourceKind):
    name = "buckets"
    is_data = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for noun in topology.BUCKETS:
            create: Request = {"Bucket": stack.names.bucket(noun), "ObjectOwnership": "BucketOwnerEnforced"}
            if stack.names.region != "us-east-1":
                create["CreateBucketConfiguration"] = {"LocationConstraint": stack.names.region}
            yield stack.names.bucket(noun), create

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = {bucket["Name"]: {"Bucket": bucket["Name"]} for bucket in state.listed("buckets", "Buckets")}
        return diff(only(state.desired("buckets"), "Bucket"), actual)

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return inventory.named("bucket", "buckets", "Buckets", "Name", inventory.ours("s3", "", "buckets"))


class BucketParts(ResourceKind):
    """A bucket's settings, each named `bucket.part`, which s3api's get-PART reads and put-PART writes."""

    name = "bucket_parts"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for noun in topology.BUCKETS:
            bucket = stack.names.bucket(noun)
            for part, request in _bucket_parts(stack, noun):
                yield f"{bucket}.{part}", {"Bucket": bucket} | request

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        desired = {name: without(part, "Bucket") for name, part in state.desired("bucket_parts").items()}
        actual = {name: _as_put(thing) for name, thing in state.answers("bucket_parts").items()}
        for name in desired:
            if name in actual and (theirs := _other_tags(desired[name], actual[name])):
                desired[name] = {"Tagging": {"TagSet": desired[name]["Tagging"]["TagSet"] + theirs}}
                state.rewrite("bucket_parts", name, {"Bucket": name.partition(".")[0]} | desired[name])
        return diff(desired, actual)


class Lifecycles(ResourceKind):
    """Our lifecycle rules in each bucket. Rules of others are kept and shown, because they may delete data: S3 applies
    the shorter time of two rules."""

    name = "lifecycles"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        rules: list[Request] = [
            {
                "ID": f"{stack.names.prefix}-health",
                "Filter": {"Prefix": HEALTH},
                "NoncurrentVersionExpiration": {"NoncurrentDays": topology.HEALTH_VERSION_DAYS},
            },
            {
                "ID": f"{stack.names.prefix}-versions",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": topology.VERSION_DAYS},
                # A delete marker whose versions have all expired.
                "Expiration": {"ExpiredObjectDeleteMarker": True},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": topology.UPLOAD_DAYS},
            },
        ]
        for noun in topology.BUCKETS:
            yield stack.names.bucket(noun), {"Rules": [rule | {"Status": "Enabled"} for rule in rules]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare our rules. S3 replaces the whole document, so the request also contains the rules of others."""
        for bucket, desired in state.desired("lifecycles").items():
            actual = state.answers("lifecycles").get(bucket, {})
            theirs = [_by_filter(rule) for rule in actual.get("Rules", ()) if not _is_our_rule(rule, desired)]
            yield from (("stays", bucket, _description(rule)) for rule in theirs)
            document = {"Rules": [*theirs, *desired["Rules"]]}
            if normal(document["Rules"]) == normal([_by_filter(rule) for rule in actual.get("Rules", ())]):
                yield "ok", bucket, ""
                continue
            request = {"Bucket": bucket, "LifecycleConfiguration": document}
            if (size := actual.get("TransitionDefaultMinimumObjectSize", DEFAULT_SIZE)) != DEFAULT_SIZE:
                request["TransitionDefaultMinimumObjectSize"] = size
            state.rewrite("lifecycles", bucket, request)
            has_ours = len(theirs) < len(actual.get("Rules", ()))
            yield "update" if has_ours else "create", bucket, ""


class BucketNotifications(ResourceKind):
    """The processed bucket's notification of each manifest to the queue of the load function."""

    name = "bucket_notifications"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        rules = [{"Name": "prefix", "Value": MANIFESTS}]
        notification = {
            "Id": f"{stack.names.prefix}-{LOAD_TRIGGER}",
            "QueueArn": stack.names.queue_arn(stack.names.queue(LOAD_TRIGGER)),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        configurations = [notification] if topology.loads_on_manifest(stack.settings) else []
        yield stack.names.bucket(PROCESSED), {"QueueConfigurations": configurations}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare our notification. S3 replaces the whole document, so the request also contains those of others.

        Its Id identifies it, also where an earlier version made S3 invoke the load function directly.
        """
        for bucket, desired in state.desired("bucket_notifications").items():
            actual = without(state.answers("bucket_notifications").get(bucket, {}), "ResponseMetadata")
            document = {key: _not_ours(value) if isinstance(value, list) else value for key, value in actual.items()}
            for key, ours in desired.items():
                document[key] = document.get(key, []) + ours
            document = {key: value for key, value in document.items() if value != []}
            if _normal_notifications(document) == _normal_notifications(actual):
                yield "ok", bucket, ""
                continue
            state.rewrite("bucket_notifications", bucket, {"Bucket": bucket, "NotificationConfiguration": document})
            yield "update", bucket, ",".join(desired)

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield each bucket that has our notification: teardown.sh desires none, so the bucket differs."""
        lines = BucketNotifications.difference(inventory.state)
        return (("bucket notification", bucket, bucket) for action, bucket, _ in lines if action == "update")


def _bucket_parts(stack: DesiredStack, noun: str) -> Requests:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    yield "public-access-block", {"PublicAccessBlockConfiguration": dict.fromkeys(flags, True)}
    owner = [{"ObjectOwnership": "BucketOwnerEnforced"}]
    yield "bucket-ownership-controls", {"OwnershipControls": {"Rules": owner}}
    encryption = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    yield "bucket-encryption", {"ServerSideEncryptionConfiguration": {"Rules": encryption}}
    yield "bucket-tagging", {"Tagging": {"TagSet": stack.tag_list}}
    yield "bucket-versioning", {"VersioningConfiguration": {"Status": "Enabled"}}
    if policy := resource_policies.bucket_policy(stack.names, noun, stack.tls, stack.create_only):
        yield "bucket-policy", {"Policy": json.dumps(policy)}


def _other_tags(desired: Json, actual: Json) -> list[Json]:
    """Return the tags of others: S3 replaces all tags of a bucket at once."""
    ours = {tag["Key"] for tag in desired.get("Tagging", {}).get("TagSet", [])}
    return [tag for tag in actual.get("Tagging", {}).get("TagSet", []) if tag["Key"] not in ours]


def _is_our_rule(rule: Json, desired: Json) -> bool:
    """Compare the Id's prefix, so that a rule of an earlier version is ours, too."""
    prefix = desired["Rules"][0]["ID"].rpartition("-")[0]
    return str(rule.get("ID", "")).startswith(f"{prefix}-")


def _by_filter(rule: Json) -> Json:
    """Return a rule with a Filter in place of its Prefix: S3 refuses a document that contains both."""
    return {"Filter": {"Prefix": rule["Prefix"]}} | without(rule, "Prefix") if "Prefix" in rule else rule


def _description(rule: Json) -> str:
    expires = rule.get("Expiration", {})
    deletes = rule.get("Status") == "Enabled" and ("Days" in expires or "Date" in expires)
    return f"rule {rule.get('ID') or 'without a name'} is not ours" + (
        ", and deletes what is in use" if deletes else ""
    )


def _as_put(answer: Json) -> Json:
    """Return an answer of S3 in the form of the request, which differs for some parts."""
    if "TagSet" in answer:
        return {"Tagging": {"TagSet": answer["TagSet"]}}
    if "Status" in answer:
        return {"VersioningConfiguration": {"Status": answer["Status"]}}
    encryption = "ServerSideEncryptionConfiguration"
    default = "ApplyServerSideEncryptionByDefault"
    if encryption in answer:
        return {encryption: {"Rules": [{default: rule.get(default)} for rule in answer[encryption]["Rules"]]}}
    return answer


def _not_ours(configurations: list[Json]) -> list[Json]:
    return [each for each in configurations if not each["Id"].endswith(f"-{LOAD_TRIGGER}")]


def _normal_notifications(document: Json) -> Any:
    """Return the document in normal form: S3 returns `Prefix` where `prefix` was sent."""
    return normal(json.loads(json.dumps(document).replace('"Prefix"', '"prefix"')))
