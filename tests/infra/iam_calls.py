"""What AWS wants to be allowed for a call of the AWS CLI: actions, and the resources that the parameters name."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from ops.stack.role_parts import PARTS
from shared.names import Names
from tests.infra.scripts import ROOT

Params = Mapping[str, Any]
LIB = ROOT / "infra_bash/lib"
PREFIXES = {"s3api": "s3", "resourcegroupstaggingapi": "tag"}
# Where an action is not called as its operation.
ACTIONS = {
    "s3:ListBuckets": ["s3:ListAllMyBuckets"],
    "s3:ListObjectsV2": ["s3:ListBucket"],
    "s3:ListObjectVersions": ["s3:ListBucketVersions"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    **dict.fromkeys(("s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload"), ["s3:PutObject"]),
    "s3:CopyObject": ["s3:GetObject", "s3:PutObject"],
    "s3:DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    **{f"s3:{verb}PublicAccessBlock": [f"s3:{verb}BucketPublicAccessBlock"] for verb in ("Get", "Put")},
    **{f"s3:{verb}BucketEncryption": [f"s3:{verb}EncryptionConfiguration"] for verb in ("Get", "Put")},
    **{f"s3:{verb}BucketLifecycleConfiguration": [f"s3:{verb}LifecycleConfiguration"] for verb in ("Get", "Put")},
    **{f"s3:{verb}BucketNotificationConfiguration": [f"s3:{verb}BucketNotification"] for verb in ("Get", "Put")},
    "s3:GetBucketReplication": ["s3:GetReplicationConfiguration"],
    "s3:DeleteBucketReplication": ["s3:PutReplicationConfiguration"],
    "s3:ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
    "s3:DeleteBucketLifecycle": ["s3:PutLifecycleConfiguration"],
    "lambda:Invoke": ["lambda:InvokeFunction"],
    **{
        f"budgets:{verb}": ["budgets:ModifyBudget"]
        for verb in ("CreateBudget", "UpdateBudget", "DeleteBudget", "CreateNotification")
    },
    **{f"budgets:{verb}": ["budgets:ViewBudget"] for verb in ("DescribeBudget", "DescribeNotificationsForBudget")},
    # Everybody may ask who they are.
    "sts:GetCallerIdentity": [],
}
WAITERS = {"function-updated-v2": "get-function", "function-active-v2": "get-function"}


def actions(service: str, operation: str) -> list[str]:
    """Return the IAM actions of an operation, which has botocore's name."""
    action = f"{PREFIXES.get(service, service)}:{operation}"
    return ACTIONS.get(action, [action])


@functools.cache
def operations(service: str) -> dict[str, str]:
    """Return botocore's names of a service's operations by those of the AWS CLI."""
    model = botocore.session.get_session().get_service_model(PREFIXES.get(service, service).replace("tag", service))
    return {xform_name(name, "-"): name for name in model.operation_names}


# ---- what the scripts may call, as they are written

DOOR = re.compile(r"\b(?:aws_(?:read|find|write|delete|until)|put|call_aws|call_with_retries)\b (.*)")
CALL = re.compile(
    r"(?:^| )(s3api|s3|iam|lambda|sns|sqs|events|logs|cloudwatch|budgets|secretsmanager|sts|ec2"
    r"|resourcegroupstaggingapi) +(wait [\w-]+|\"[^\"]+\"|[a-z0-9-]+)"
)
# Operations that are named at run time: here are all that there are.
NAMED_LATER = {
    'events "$1"': ["enable-rule", "disable-rule"],
    'secretsmanager "$1"': ["create-secret", "put-secret-value"],
    'lambda "$1"': ["update-function-code", "update-function-configuration"],
    'lambda "${READ_OPERATIONS[$1]}"': ["get-policy", "list-function-url-configs", "list-aliases"],
    "s3 cp": ["put-object", "create-multipart-upload"],
}


def sourced(script: Path) -> set[Path]:
    """Return the script and all files that it sources."""
    found = {script}
    text = script.read_text()
    for name in re.findall(r'^source "\$lib/([\w./]+)"', text, re.MULTILINE):
        found |= sourced(LIB / name)
    if script.name == "services.sh":
        found |= {*(LIB.parent / "aws").glob("*.sh")}
    return found


def written(script: Path, bucket_parts: list[str]) -> Iterator[tuple[str, str]]:
    """Yield service and operation of each call in a file."""
    text = re.sub(r"(?m)^ *#.*$", "", script.read_text()).replace("\\\n", " ")
    for line in text.splitlines():
        for rest in DOOR.findall(line):
            if call := CALL.search(rest):
                service, named = call.groups()
                for operation in _named(service, named, bucket_parts):
                    yield service.replace("s3api", "s3"), operations(service.replace("s3api", "s3"))[operation]
    if script.name == "iam.sh":
        for part in (*PARTS, "get-role-policy"):
            yield "iam", operations("iam")[part]
    if script.name == "s3.sh":
        # emptying.py has no bash before it.
        for operation in ("ListObjectVersions", "ListMultipartUploads", "DeleteObjects", "AbortMultipartUpload"):
            yield "s3", operation


def _named(service: str, named: str, bucket_parts: list[str]) -> list[str]:
    if named.startswith("wait "):
        return [WAITERS[named.split()[1]]]
    if part := re.fullmatch(r'"(get|put)-\$\{.*\}"', named):
        return [f"{part[1]}-{each}" for each in bucket_parts]
    return NAMED_LATER.get(f"{service} {named}", [named])


# ---- what was called


def needed(names: Names, service: str, operation: str, params: Params) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield action, resource and condition keys that a recorded call needs."""
    for action in actions(service, operation):
        for resource in _resources(names, action, params):
            yield action, resource, _context(names, action, params)


def _context(names: Names, action: str, params: Params) -> dict[str, str]:
    if action == "lambda:CreateEventSourceMapping":
        return {"lambda:FunctionArn": names.function_arn(params["FunctionName"].rpartition(":")[2])}
    if "EventSourceMapping" in action:
        return {"lambda:FunctionArn": names.function_arn(f"{names.prefix}-transform-any")}
    return {}


def _resources(names: Names, action: str, params: Params) -> list[str]:
    service = action.partition(":")[0]
    if service == "s3" and "Bucket" in params:
        bucket = f"{names.bucket_arn('').partition(':::')[0]}:::{params['Bucket']}"
        keys = (
            [params["Key"]]
            if "Key" in params
            else [each["Key"] for each in params.get("Delete", {}).get("Objects", ())]
        )
        return [f"{bucket}/{key}" for key in keys] or [bucket]
    found = [resource for key, value in params.items() if (resource := _named_by(names, service, key, value))]
    return found[:1] or ["*"]


def _named_by(names: Names, service: str, key: str, value: Any) -> str:
    """Return the ARN that a parameter names; "" when it names nothing."""
    if (service, key) in (("budgets", "Budget"), ("budgets", "NewBudget")):
        return _named_by(names, service, "BudgetName", value["BudgetName"])
    if not isinstance(value, (str, list)):
        return ""
    text = value if isinstance(value, str) else str(value[0] if value else "")
    match service, key:
        case "iam", "RoleName":
            return names.role_arn(text)
        case "lambda", "FunctionName":
            return names.function_arn(text.rpartition(":")[2])
        case "lambda", "LayerName":
            return names.arn("lambda", f"layer:{text}")
        case "lambda", "UUID":
            return names.arn("lambda", f"event-source-mapping:{text}")
        case "sqs", "QueueUrl" | "QueueName":
            return names.queue_arn(text.rpartition("/")[2])
        case "sns", "TopicArn":
            return text
        case "sns", "Name":
            return names.arn("sns", text)
        case "events", "Rule" | "Name":
            return names.rule_arn(text)
        case "logs", "logGroupName":
            return names.arn("logs", f"log-group:{text}")
        case "cloudwatch", "AlarmName" | "AlarmNames":
            return names.arn("cloudwatch", f"alarm:{text}")
        case "cloudwatch", "DashboardName" | "DashboardNames":
            return names.global_arn("cloudwatch", f"dashboard/{text}")
        case "secretsmanager", "SecretId" | "Name":
            return text if text.startswith("arn:") else names.arn("secretsmanager", f"secret:{text}-Ab12Cd")
        case "budgets", "BudgetName":
            return names.global_arn("budgets", f"budget/{text}")
    return ""


def document(name: str) -> Any:
    """Return a policy of docs/policies/."""
    return json.loads((ROOT / f"docs/policies/{name}.json").read_text())
