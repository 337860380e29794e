"""S3: the buckets, and the bell that the processed one rings."""

import json

from ops.stack import policies, topology
from ops.stack.desired.base import Base, Request, Requests
from ops.stack.topology import BELL, PROCESSED
from shared.lake.keys import HEALTH, MANIFESTS


class DesiredBuckets(Base):
    def buckets(self) -> Requests:
        for noun in topology.BUCKETS:
            create: Request = {"Bucket": self.names.bucket(noun), "ObjectOwnership": "BucketOwnerEnforced"}
            if self.names.region != "us-east-1":
                create["CreateBucketConfiguration"] = {"LocationConstraint": self.names.region}
            yield self.names.bucket(noun), create

    def bucket_parts(self) -> Requests:
        """Each named `bucket.part` for s3api's get-PART and put-PART."""
        for noun in topology.BUCKETS:
            bucket = self.names.bucket(noun)
            for part, request in self._bucket_parts(noun):
                yield f"{bucket}.{part}", {"Bucket": bucket} | request

    def _bucket_parts(self, noun: str) -> Requests:
        shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        yield "public-access-block", {"PublicAccessBlockConfiguration": dict.fromkeys(shut, True)}
        owner = [{"ObjectOwnership": "BucketOwnerEnforced"}]
        yield "bucket-ownership-controls", {"OwnershipControls": {"Rules": owner}}
        encryption = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        yield "bucket-encryption", {"ServerSideEncryptionConfiguration": {"Rules": encryption}}
        yield "bucket-tagging", {"Tagging": {"TagSet": self.tag_list}}
        yield "bucket-versioning", {"VersioningConfiguration": {"Status": "Enabled"}}
        if policy := policies.bucket_policy(self.names, noun, self.tls, self.create_only):
            yield "bucket-policy", {"Policy": json.dumps(policy)}

    def lifecycles(self) -> Requests:
        """Our rules in each bucket; other people's stay as they are. Of two rules S3 follows the shorter time."""
        rules: list[Request] = [
            {
                "ID": f"{self.names.prefix}-health",
                "Filter": {"Prefix": HEALTH},
                "NoncurrentVersionExpiration": {"NoncurrentDays": topology.HEALTH_VERSION_DAYS},
            },
            {
                "ID": f"{self.names.prefix}-versions",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": topology.VERSION_DAYS},
                # What is left of an object whose versions have all gone.
                "Expiration": {"ExpiredObjectDeleteMarker": True},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": topology.UPLOAD_DAYS},
            },
        ]
        for noun in topology.BUCKETS:
            yield self.names.bucket(noun), {"Rules": [rule | {"Status": "Enabled"} for rule in rules]}

    def bells(self) -> Requests:
        """The wanted notification of the processed bucket; other people's stay as they are."""
        rules = [{"Name": "prefix", "Value": MANIFESTS}]
        ring = {
            "Id": f"{self.names.prefix}-{BELL}",
            "QueueArn": self.names.queue_arn(self.names.queue(BELL)),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        yield self.names.bucket(PROCESSED), {"QueueConfigurations": [ring] if topology.rings(self.settings) else []}
