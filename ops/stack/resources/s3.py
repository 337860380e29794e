"""S3: the buckets, their settings, and the notification that starts a load."""

import json
from collections.abc import Iterator
from typing import Any

from ops.stack import policies, topology
from ops.stack.resources.base import (
    DesiredStack,
    Found,
    Inventory,
    Line,
    Request,
    Requests,
    ResourceKind,
    StackState,
    Thing,
    diff,
    normal,
    only,
    without,
)
from ops.stack.topology import BELL, PROCESSED
from shared.lake.keys import HEALTH, MANIFESTS

# What S3 uses where a document does not name it.
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
    def difference(state: StackState) -> Iterator[Line]:
        actual = {bucket["Name"]: {"Bucket": bucket["Name"]} for bucket in state.listed("buckets", "Buckets")}
        return diff(only(state.desired("buckets"), "Bucket"), actual)

    @staticmethod
    def removal(inventory: Inventory) -> Found:
        return inventory.named("bucket", "buckets", "Buckets", "Name", inventory.ours("s3", "", "buckets"))


class BucketParts(ResourceKind):
    """A bucket's settings, each named `bucket.part` for s3api's get-PART and put-PART."""

    name = "bucket_parts"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for noun in topology.BUCKETS:
            bucket = stack.names.bucket(noun)
            for part, request in _bucket_parts(stack, noun):
                yield f"{bucket}.{part}", {"Bucket": bucket} | request

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        desired = {name: without(part, "Bucket") for name, part in state.desired("bucket_parts").items()}
        actual = {name: _as_put(thing) for name, thing in state.answers("bucket_parts").items()}
        for name in desired:
            if name in actual and (theirs := _other_tags(desired[name], actual[name])):
                desired[name] = {"Tagging": {"TagSet": desired[name]["Tagging"]["TagSet"] + theirs}}
                state.rewrite("bucket_parts", name, {"Bucket": name.partition(".")[0]} | desired[name])
        return diff(desired, actual)


class Lifecycles(ResourceKind):
    """Our rules in each bucket. Rules of others stay, and are shown: they may delete data. S3 follows the shorter time
    of two rules."""

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
                # A marker whose versions have all expired.
                "Expiration": {"ExpiredObjectDeleteMarker": True},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": topology.UPLOAD_DAYS},
            },
        ]
        for noun in topology.BUCKETS:
            yield stack.names.bucket(noun), {"Rules": [rule | {"Status": "Enabled"} for rule in rules]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        """S3 replaces the whole document, so the rules of others are written again with ours."""
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

    # Also the word in deploy's and teardown's lines.
    name = "bells"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        rules = [{"Name": "prefix", "Value": MANIFESTS}]
        notification = {
            "Id": f"{stack.names.prefix}-{BELL}",
            "QueueArn": stack.names.queue_arn(stack.names.queue(BELL)),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        configurations = [notification] if topology.rings(stack.settings) else []
        yield stack.names.bucket(PROCESSED), {"QueueConfigurations": configurations}

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        """S3 replaces the whole document, so the configurations of others are written again with ours.

        Ours is known by its Id, also where an earlier version had S3 invoke the load function directly.
        """
        for bucket, desired in state.desired("bells").items():
            actual = without(state.answers("bells").get(bucket, {}), "ResponseMetadata")
            document = {key: _not_ours(value) if isinstance(value, list) else value for key, value in actual.items()}
            for key, ours in desired.items():
                document[key] = document.get(key, []) + ours
            document = {key: value for key, value in document.items() if value != []}
            if _normal_notifications(document) == _normal_notifications(actual):
                yield "ok", bucket, ""
                continue
            state.rewrite("bells", bucket, {"Bucket": bucket, "NotificationConfiguration": document})
            yield "update", bucket, ",".join(desired)

    @staticmethod
    def removal(inventory: Inventory) -> Found:
        """teardown.sh desires no notification, so one that exists is an update."""
        lines = BucketNotifications.difference(inventory.state)
        return (("bell", bucket, bucket) for verdict, bucket, _ in lines if verdict == "update")


def _bucket_parts(stack: DesiredStack, noun: str) -> Requests:
    shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    yield "public-access-block", {"PublicAccessBlockConfiguration": dict.fromkeys(shut, True)}
    owner = [{"ObjectOwnership": "BucketOwnerEnforced"}]
    yield "bucket-ownership-controls", {"OwnershipControls": {"Rules": owner}}
    encryption = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    yield "bucket-encryption", {"ServerSideEncryptionConfiguration": {"Rules": encryption}}
    yield "bucket-tagging", {"Tagging": {"TagSet": stack.tag_list}}
    yield "bucket-versioning", {"VersioningConfiguration": {"Status": "Enabled"}}
    if policy := policies.bucket_policy(stack.names, noun, stack.tls, stack.create_only):
        yield "bucket-policy", {"Policy": json.dumps(policy)}


def _other_tags(desired: Thing, actual: Thing) -> list[Thing]:
    """Return the tags of others: S3 replaces all tags of a bucket at once."""
    ours = {tag["Key"] for tag in desired.get("Tagging", {}).get("TagSet", [])}
    return [tag for tag in actual.get("Tagging", {}).get("TagSet", []) if tag["Key"] not in ours]


def _is_our_rule(rule: Thing, desired: Thing) -> bool:
    """Compare the Id's prefix, so that a rule of an earlier version is ours, too."""
    prefix = desired["Rules"][0]["ID"].rpartition("-")[0]
    return str(rule.get("ID", "")).startswith(f"{prefix}-")


def _by_filter(rule: Thing) -> Thing:
    """S3 refuses a document in which some rules have a Prefix and others a Filter."""
    return {"Filter": {"Prefix": rule["Prefix"]}} | without(rule, "Prefix") if "Prefix" in rule else rule


def _description(rule: Thing) -> str:
    expires = rule.get("Expiration", {})
    deletes = rule.get("Status") == "Enabled" and ("Days" in expires or "Date" in expires)
    return f"rule {rule.get('ID') or 'without a name'} is not ours" + (
        ", and deletes what is in use" if deletes else ""
    )


def _as_put(answer: Thing) -> Thing:
    """Return an answer of S3 in the form in which it is put, which differs for some parts."""
    if "TagSet" in answer:
        return {"Tagging": {"TagSet": answer["TagSet"]}}
    if "Status" in answer:
        return {"VersioningConfiguration": {"Status": answer["Status"]}}
    encryption = "ServerSideEncryptionConfiguration"
    default = "ApplyServerSideEncryptionByDefault"
    if encryption in answer:
        return {encryption: {"Rules": [{default: rule.get(default)} for rule in answer[encryption]["Rules"]]}}
    return answer


def _not_ours(configurations: list[Thing]) -> list[Thing]:
    return [each for each in configurations if not each["Id"].endswith("-bell")]


def _normal_notifications(document: Thing) -> Any:
    """S3 answers `Prefix` where `prefix` was put."""
    return normal(json.loads(json.dumps(document).replace('"Prefix"', '"prefix"')))
