"""Writes the topology as the requests that deploy.sh sends: one --cli-input-json file per AWS call.

    python -m infra_bash.lib.requests FOLDER KIND...

writes FOLDER/KIND/NAME.json for each KIND. Settings come from the environment, as do ACCOUNT_ID and, for
functions, CODE_SHA256, CODE_KEY and LAYER_ARN.
"""

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shared import policies, topology
from shared.lake.keys import MANIFESTS
from shared.names import Names
from shared.topology import INGESTION, PROCESSED, Settings, Targets

Request = dict[str, Any]
VPC_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
ROLE_POLICY_NAME = "rights"
BELL = "bell"


class Requests:
    def __init__(self, settings: Settings, targets: Targets) -> None:
        self.settings, self.targets = settings, targets
        self.names = Names(*(settings[n] for n in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID")))
        self.tags = {"project": self.names.project, "stage": self.names.stage}
        # Plain HTTP is only spoken to an endpoint that offers nothing else.
        self.tls = not settings.get("AWS_ENDPOINT_URL", "").startswith("http:")
        code_hash = hexadecimal(settings.get("CODE_SHA256", ""))
        version = code_hash[: topology.CODE_VERSION_LENGTH]
        self.all_functions = topology.functions(self.names, settings, targets, version)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def buckets(self) -> Iterator[tuple[str, Request]]:
        for noun in topology.BUCKETS:
            create: Request = {"Bucket": self.names.bucket(noun), "ObjectOwnership": "BucketOwnerEnforced"}
            if self.names.region != "us-east-1":
                create["CreateBucketConfiguration"] = {"LocationConstraint": self.names.region}
            yield self.names.bucket(noun), create

    def bucket_parts(self) -> Iterator[tuple[str, Request]]:
        """Each named `bucket.part` for s3api's get-PART and put-PART."""
        for noun in topology.BUCKETS:
            bucket = self.names.bucket(noun)
            for part, request in self._bucket_parts(noun):
                yield f"{bucket}.{part}", {"Bucket": bucket} | request

    def _bucket_parts(self, noun: str) -> Iterator[tuple[str, Request]]:
        shut = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        yield "public-access-block", {"PublicAccessBlockConfiguration": dict.fromkeys(shut, True)}
        owner = [{"ObjectOwnership": "BucketOwnerEnforced"}]
        yield "bucket-ownership-controls", {"OwnershipControls": {"Rules": owner}}
        encryption = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        yield "bucket-encryption", {"ServerSideEncryptionConfiguration": {"Rules": encryption}}
        yield "bucket-tagging", {"Tagging": {"TagSet": self.tag_list}}
        if noun == INGESTION:
            yield "bucket-versioning", {"VersioningConfiguration": {"Status": "Enabled"}}
        if policy := policies.bucket_policy(self.names, noun, self.tls):
            yield "bucket-policy", {"Policy": json.dumps(policy)}

    def topics(self) -> Iterator[tuple[str, Request]]:
        policy = json.dumps(policies.topic_policy(self.names, self.tls))
        yield (
            self.names.topic,
            {"Name": self.names.topic, "Attributes": {"Policy": policy}, "Tags": self.tag_list},
        )

    def topic_policies(self) -> Iterator[tuple[str, Request]]:
        policy = json.dumps(policies.topic_policy(self.names, self.tls))
        request = {"TopicArn": self.names.topic_arn, "AttributeName": "Policy", "AttributeValue": policy}
        yield self.names.topic, request

    def dead_letter_queues(self) -> Iterator[tuple[str, Request]]:
        for queue in topology.queues(self.targets):
            name = self.names.dead_letter_queue(queue.table)
            sources = [self.names.queue_arn(self.names.queue(queue.table))]
            allowed = {"redrivePermission": "byQueue", "sourceQueueArns": sources}
            retention = topology.DEAD_LETTER_RETENTION_S
            yield name, self._queue(name, retention, RedriveAllowPolicy=json.dumps(allowed))

    def queues(self) -> Iterator[tuple[str, Request]]:
        for queue in topology.queues(self.targets):
            name = self.names.queue(queue.table)
            target = self.names.queue_arn(self.names.dead_letter_queue(queue.table))
            redrive = {"deadLetterTargetArn": target, "maxReceiveCount": topology.MAX_RECEIVES}
            yield name, self._queue(name, topology.QUEUE_RETENTION_S, RedrivePolicy=json.dumps(redrive))

    def dead_letter_queue_attributes(self) -> Iterator[tuple[str, Request]]:
        yield from ((name, {"Attributes": r["Attributes"]}) for name, r in self.dead_letter_queues())

    def queue_attributes(self) -> Iterator[tuple[str, Request]]:
        yield from ((name, {"Attributes": r["Attributes"]}) for name, r in self.queues())

    def _queue(self, name: str, retention_s: int, **attributes: str) -> Request:
        common = {
            "VisibilityTimeout": str(topology.VISIBILITY_S),
            "MessageRetentionPeriod": str(retention_s),
            "SqsManagedSseEnabled": "true",
            "Policy": json.dumps(policies.queue_policy(self.names, name, self.tls)),
        }
        return {"QueueName": name, "Attributes": common | attributes, "tags": self.tags}

    def subscriptions(self) -> Iterator[tuple[str, Request]]:
        for queue in topology.queues(self.targets):
            dead_letters = self.names.queue_arn(self.names.dead_letter_queue(queue.table))
            attributes = {
                "RawMessageDelivery": "true",
                "FilterPolicy": json.dumps({"table": queue.sources}),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters}),
            }
            name = self.names.queue(queue.table)
            yield (
                name,
                {
                    "TopicArn": self.names.topic_arn,
                    "Protocol": "sqs",
                    "Endpoint": self.names.queue_arn(name),
                    "Attributes": attributes,
                    "ReturnSubscriptionArn": True,
                },
            )

    def subscription_attributes(self) -> Iterator[tuple[str, Request]]:
        """Each named `queue.attribute`: SNS changes one at a time."""
        for name, request in self.subscriptions():
            for attribute, value in request["Attributes"].items():
                yield f"{name}.{attribute}", {"AttributeName": attribute, "AttributeValue": value}

    def roles(self) -> Iterator[tuple[str, Request]]:
        trust = json.dumps(policies.trust_policy())
        for function in self.all_functions:
            yield (
                function.name,
                {"RoleName": function.name, "AssumeRolePolicyDocument": trust, "Tags": self.tag_list},
            )

    def role_trusts(self) -> Iterator[tuple[str, Request]]:
        for name, request in self.roles():
            yield name, {"RoleName": name, "PolicyDocument": request["AssumeRolePolicyDocument"]}

    def role_policies(self) -> Iterator[tuple[str, Request]]:
        for name, policy in policies.role_policies(self.names, self.settings, self.targets).items():
            yield (
                name,
                {"RoleName": name, "PolicyName": ROLE_POLICY_NAME, "PolicyDocument": json.dumps(policy)},
            )

    def attached_policies(self) -> Iterator[tuple[str, Request]]:
        """AWS's own list of what a function needs to stand in a VPC; network interfaces have no names yet."""
        for function in self.all_functions:
            if function.private and self._vpc()["SubnetIds"]:
                yield function.name, {"RoleName": function.name, "PolicyArn": VPC_POLICY}

    def log_groups(self) -> Iterator[tuple[str, Request]]:
        for function in self.all_functions:
            name = f"/aws/lambda/{function.name}"
            yield function.name, {"logGroupName": name, "tags": self.tags}

    def log_retentions(self) -> Iterator[tuple[str, Request]]:
        for function in self.all_functions:
            name = f"/aws/lambda/{function.name}"
            yield function.name, {"logGroupName": name, "retentionInDays": topology.LOG_RETENTION_DAYS}

    def functions(self) -> Iterator[tuple[str, Request]]:
        code = {"S3Bucket": self.names.bucket(INGESTION), "S3Key": self.settings["CODE_KEY"]}
        for name, configuration in self.function_configurations():
            arch = {"Architectures": [self.settings["LAMBDA_ARCH"]]}
            yield name, configuration | arch | {"Code": code, "Tags": self.tags}

    def function_codes(self) -> Iterator[tuple[str, Request]]:
        code = {"S3Bucket": self.names.bucket(INGESTION), "S3Key": self.settings["CODE_KEY"]}
        for function in self.all_functions:
            arch = {"Architectures": [self.settings["LAMBDA_ARCH"]]}
            yield function.name, {"FunctionName": function.name} | code | arch

    def function_configurations(self) -> Iterator[tuple[str, Request]]:
        for function in self.all_functions:
            yield (
                function.name,
                {
                    "FunctionName": function.name,
                    "Runtime": f"python{self.settings['LAMBDA_PYTHON']}",
                    "Handler": function.handler,
                    "Role": self.names.role_arn(function.name),
                    "MemorySize": function.memory_mb,
                    "Timeout": function.timeout_s,
                    "Environment": {"Variables": dict(function.environment)},
                    "Layers": [self.settings["LAYER_ARN"]],
                    "VpcConfig": self._vpc() if function.private else {"SubnetIds": [], "SecurityGroupIds": []},
                },
            )

    def _vpc(self) -> dict[str, list[str]]:
        subnets, groups = (self.settings.get(n, "") for n in ("SUBNET_IDS", "SECURITY_GROUP_IDS"))
        return {"SubnetIds": split(subnets), "SecurityGroupIds": split(groups)}

    def mappings(self) -> Iterator[tuple[str, Request]]:
        for queue in topology.queues(self.targets):
            name = self.names.transform(queue.table)
            yield (
                name,
                {
                    "FunctionName": name,
                    "EventSourceArn": self.names.queue_arn(self.names.queue(queue.table)),
                    "BatchSize": topology.MESSAGES_PER_CALL,
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                    "ScalingConfig": {"MaximumConcurrency": topology.TRANSFORMS_AT_ONCE},
                },
            )

    def mapping_changes(self) -> Iterator[tuple[str, Request]]:
        for name, request in self.mappings():
            yield name, {key: value for key, value in request.items() if key != "EventSourceArn"}

    def rules(self) -> Iterator[tuple[str, Request]]:
        for function in self._scheduled():
            rule = {"Name": function.name, "ScheduleExpression": function.schedule}
            yield function.name, rule | {"State": "ENABLED", "Tags": self.tag_list}

    def rule_targets(self) -> Iterator[tuple[str, Request]]:
        for function in self._scheduled():
            arn = self.names.function_arn(function.name)
            yield function.name, {"Rule": function.name, "Targets": [{"Id": "function", "Arn": arn, "Input": "{}"}]}

    def tick_configs(self) -> Iterator[tuple[str, Request]]:
        for function in self._scheduled():
            yield (
                function.name,
                {
                    "FunctionName": function.name,
                    "MaximumRetryAttempts": topology.TICK_RETRIES,
                    "MaximumEventAgeInSeconds": topology.TICK_MAX_AGE_S,
                },
            )

    def permissions(self) -> Iterator[tuple[str, Request]]:
        """Who may invoke: each rule its function, the processed bucket the load function."""
        for function in self._scheduled():
            rule = self.names.rule_arn(function.name)
            yield f"{function.name}.schedule", self._permission(function.name, "schedule", "events", rule)
        load = self.names.function("load")
        yield f"{load}.{BELL}", self._permission(load, BELL, "s3", self.names.bucket_arn(PROCESSED))

    def _permission(self, function: str, sid: str, service: str, source: str) -> Request:
        return {
            "FunctionName": function,
            "StatementId": sid,
            "Action": "lambda:InvokeFunction",
            "Principal": f"{service}.amazonaws.com",
            "SourceArn": source,
            "SourceAccount": self.names.account,
        }

    def bells(self) -> Iterator[tuple[str, Request]]:
        """The wanted notification of the processed bucket; other people's stay as they are."""
        rules = [{"Name": "prefix", "Value": MANIFESTS}]
        ring = {
            "Id": f"{self.names.prefix}-{BELL}",
            "LambdaFunctionArn": self.names.function_arn(self.names.function("load")),
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        rings = self.settings["LOAD_ON_MANIFEST"] == "yes"
        yield self.names.bucket(PROCESSED), {"LambdaFunctionConfigurations": [ring] if rings else []}

    def secrets(self) -> Iterator[tuple[str, Request]]:
        """Without the content: that is only ever in a private file."""
        for setting, name in topology.secrets(self.settings).items():
            yield setting, {"Name": name, "Tags": self.tag_list}

    def _scheduled(self) -> list[topology.Function]:
        return [function for function in self.all_functions if function.schedule]


def split(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]


def hexadecimal(base64_text: str) -> str:
    """AWS writes hashes in base64; names are easier read in hexadecimal."""
    return base64.b64decode(base64_text).hex()


def main() -> None:
    folder, *kinds = sys.argv[1:]
    requests = Requests(dict(os.environ), topology.known_targets())
    for kind in kinds:
        place = Path(folder) / kind
        place.mkdir(parents=True, exist_ok=True)
        write: Callable[[], Iterator[tuple[str, Request]]] = getattr(requests, kind)
        for name, request in write():
            (place / f"{name}.json").write_text(json.dumps(request, indent=1))


if __name__ == "__main__":
    main()
