"""The least that people, and their workflows, need: who deploys, who only looks, who operates; and the boundary that
roles made by a deploy stay within.

Pure functions that return IAM documents. What stands under `*` takes no resource in IAM, or is asked for by a name that
nothing has yet.
"""

from collections.abc import Mapping, Sequence

from ops.stack import policies, topology
from ops.stack.policies import Document
from ops.stack.topology import INGESTION, PROCESSED, Settings, Targets
from shared.names import Names

# What no script asks for by itself, and AWS wants for what they ask.
ON_AWS_ONLY: Mapping[str, str] = {
    "iam:PassRole": "a function is made with its role",
    "iam:TagRole": "a role is made with its tags",
    "sns:TagResource": "a topic is made with its tags",
    "sqs:TagQueue": "a queue is made with its tags",
    "logs:TagResource": "a log group is made with its tags",
    "lambda:TagResource": "a function is made with its tags",
    "events:TagResource": "a rule is made with its tags",
    "cloudwatch:TagResource": "an alarm is made with its tags",
    "secretsmanager:TagResource": "a secret is made with its tags",
    "lambda:GetLayerVersion": "a function is made with its layer",
    "ec2:DescribeSecurityGroups": "a function is put into its VPC",
    "ec2:DescribeSubnets": "a function is put into its VPC",
    "ec2:DescribeVpcs": "a function is put into its VPC",
}
# Where they take no resource, lists show names alone.
_LISTS = (
    *("s3:ListAllMyBuckets", "iam:ListRoles", "lambda:ListFunctions", "lambda:ListEventSourceMappings"),
    *("lambda:ListLayerVersions", "lambda:GetAccountSettings", "sns:ListTopics", "sns:ListSubscriptions"),
    *("sns:GetSubscriptionAttributes", "sqs:ListQueues", "logs:DescribeLogGroups", "cloudwatch:DescribeAlarms"),
    *("secretsmanager:ListSecrets", "tag:GetResources", "events:ListRules", "ec2:DescribeNetworkInterfaces"),
)
_OF_A_BUCKET = (
    *("BucketPublicAccessBlock", "BucketOwnershipControls", "EncryptionConfiguration", "BucketTagging"),
    *("BucketVersioning", "BucketPolicy", "LifecycleConfiguration", "BucketNotification", "ReplicationConfiguration"),
)
# To be read of what is there, by the things' kind.
_READ = {
    "s3": ("s3:ListBucket", *(f"s3:Get{part}" for part in _OF_A_BUCKET)),
    "role": ("iam:GetRole", "iam:ListRolePolicies", "iam:ListAttachedRolePolicies", "iam:GetRolePolicy"),
    "function": (
        "lambda:GetFunction",
        "lambda:GetPolicy",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:ListAliases",
        "lambda:ListFunctionUrlConfigs",
    ),
    "topic": ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic"),
    "queue": ("sqs:GetQueueAttributes",),
    "rule": ("events:ListTargetsByRule",),
    "dashboard": ("cloudwatch:GetDashboard",),
    "secret": ("secretsmanager:DescribeSecret",),
    "budget": ("budgets:ViewBudget",),
}
# To be made, changed and taken away.
_WRITE = {
    "s3": (
        *(
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
        ),
        *(f"s3:Put{part}" for part in _OF_A_BUCKET),
    ),
    "role": ("iam:UpdateAssumeRolePolicy", "iam:TagRole", "iam:DeleteRole"),
    "function": (
        *("lambda:CreateFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
        *("lambda:DeleteFunction", "lambda:PutFunctionEventInvokeConfig", "lambda:AddPermission"),
        *("lambda:RemovePermission", "lambda:TagResource", "lambda:InvokeFunction", "lambda:DeleteAlias"),
        "lambda:DeleteFunctionUrlConfig",
    ),
    "layer": ("lambda:PublishLayerVersion", "lambda:GetLayerVersion", "lambda:DeleteLayerVersion"),
    "topic": ("sns:CreateTopic", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:DeleteTopic"),
    "queue": ("sqs:CreateQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:DeleteQueue"),
    "rule": (
        *("events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule", "events:TagResource"),
        *("events:EnableRule", "events:DisableRule"),
    ),
    "log group": (
        "logs:CreateLogGroup",
        "logs:FilterLogEvents",
        "logs:PutRetentionPolicy",
        "logs:TagResource",
        "logs:DeleteLogGroup",
    ),
    "alarm": ("cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:DeleteAlarms"),
    "dashboard": ("cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"),
    "secret": (
        *("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret"),
        *("secretsmanager:TagResource", "secretsmanager:DeleteSecret"),
    ),
    "budget": ("budgets:ModifyBudget",),
}
# Of roles, what decides how much one may do: allowed within the boundary alone.
_BOUNDED = (
    *("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    "iam:PutRolePermissionsBoundary",
)
_MAPPINGS = tuple(f"lambda:{verb}EventSourceMapping" for verb in ("Create", "Update", "Delete"))


def deployer(names: Names, settings: Settings) -> Document:
    """Who runs deploy.sh and teardown.sh, with all they can do. With PERMISSIONS_BOUNDARY it makes no role that may
    more than the boundary, and cannot take the boundary off; without it, it can make a role that may everything."""
    things = _things(names, settings)
    both = {kind: (*_READ.get(kind, ()), *_WRITE.get(kind, ())) for kind in things}
    boundary = settings.get("PERMISSIONS_BOUNDARY", "")
    objects = [names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED)]
    return _document(
        *(_allow(actions, *things[kind]) for kind, actions in both.items()),
        _allow(("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"), *objects),
        # The package and the layer, the catalogue, that the flow is paused, and that somebody is deploying.
        _allow(
            ("s3:GetObject", "s3:PutObject"),
            *(names.bucket_arn(INGESTION, key) for key in ("deploy/*", "catalogue/*", "health/paused.json")),
        ),
        _when(_allow(_BOUNDED, *things["role"]), "iam:PermissionsBoundary", boundary),
        _when(_allow(("iam:PassRole",), *things["role"]), "iam:PassedToService", "lambda.amazonaws.com"),
        _of_our_functions(names),
        _allow((*_LISTS, "sns:SetSubscriptionAttributes", "sns:Unsubscribe"), "*"),
        _allow(tuple(f"ec2:Describe{what}" for what in ("SecurityGroups", "Subnets", "Vpcs")), "*"),
    )


def planner(names: Names, settings: Settings) -> Document:
    """Who runs deploy.sh --dry-run and status.sh, and can write nothing. What migrate would do it is not told: a right
    to invoke a function is a right to any event."""
    things = _things(names, settings)
    return _document(
        *(_allow(actions, *things[kind]) for kind, actions in _READ.items()),
        _allow(("s3:GetObject",), names.bucket_arn(INGESTION, "health/paused.json")),
        _allow(("lambda:InvokeFunction",), names.function_arn(names.function("inspect"))),
        _allow(_LISTS, "*"),
    )


def operator(names: Names, settings: Settings) -> Document:
    """Who runs the scripts that look at one table, mend it, pause the flow or drill; and can deploy nothing."""
    things = _things(names, settings)
    every_object = names.bucket_arn(PROCESSED, "*")
    return _document(
        _allow(("lambda:InvokeFunction",), *things["function"]),
        _allow(
            (
                *("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"),
                *("sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:PurgeQueue"),
            ),
            *things["queue"],
        ),
        _allow(("events:EnableRule", "events:DisableRule"), *things["rule"]),
        _allow(("logs:FilterLogEvents",), *things["log group"]),
        # A paused flow is noted; a key that is not there is 404 to those who may list.
        _allow(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), names.bucket_arn(INGESTION, "health/paused.json")),
        _allow(("s3:GetObject",), *(names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED))),
        # The drill of a manifest that is damaged.
        _allow(("s3:PutObject",), every_object.replace("/*", "/manifests/*")),
        _allow(("s3:ListBucket",), *(names.bucket_arn(bucket) for bucket in (INGESTION, PROCESSED))),
        _of_our_functions(names, "Update"),
        _allow(("events:ListRules", "lambda:ListEventSourceMappings"), "*"),
    )


def boundary(names: Names, settings: Settings, targets: Targets) -> Document:
    """The most that any function of the stack may ever do: for each service what all roles of today may together, on
    whatever is called like the stack, so that a new warehouse table needs no new boundary."""
    allowed: dict[str, set[str]] = {}
    asked = {**settings, "SUBNET_IDS": settings.get("SUBNET_IDS") or "any"}
    for policy in policies.role_policies(names, asked, targets).values():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                # Batches are the emulator's word: AWS knows no such action.
                for action in (action for action in statement["Action"] if not action.endswith("Batch")):
                    allowed.setdefault(action.partition(":")[0], set()).add(action)
    things = _things(names, settings)
    own_objects = [names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED)]
    where = {
        "s3": [*things["s3"], *own_objects],
        "secretsmanager": things["secret"],
        "sns": things["topic"],
        "sqs": things["queue"],
        "lambda": things["function"],
        "logs": things["log group"],
    }
    return _document(*(_allow(sorted(actions), *where.get(of, ["*"])) for of, actions in sorted(allowed.items())))


def _things(names: Names, settings: Settings) -> dict[str, list[str]]:
    """ARNs of what is called like the stack, by kind."""
    every = f"{names.prefix}-*"
    # A secret that is not there yet has no six characters after its name.
    secrets = [names.arn("secretsmanager", f"secret:{name}*") for name in topology.secrets(settings).values()]
    return {
        "s3": [names.bucket_arn(bucket) for bucket in (INGESTION, PROCESSED)],
        "role": [names.role_arn(every)],
        "function": [names.function_arn(every)],
        "layer": [names.arn("lambda", f"layer:{every}")],
        "topic": [names.topic_arn("*")],
        "queue": [names.queue_arn(every)],
        "rule": [names.rule_arn(every)],
        "log group": [names.log_group_arn(every)],
        "alarm": [names.arn("cloudwatch", f"alarm:{every}")],
        "dashboard": [names.global_arn("cloudwatch", f"dashboard/{names.prefix}")],
        "secret": secrets,
        "budget": [names.global_arn("budgets", f"budget/{every}")],
    }


def _of_our_functions(names: Names, *verbs: str) -> Document:
    """Event sources are called by ids alone, and known by their function."""
    actions = [action for action in _MAPPINGS if not verbs or any(verb in action for verb in verbs)]
    ours = names.function_arn(f"{names.prefix}-*")
    return _allow(actions, "*") | {"Condition": {"ArnLike": {"lambda:FunctionArn": ours}}}


def _when(statement: Document, key: str, value: str) -> Document:
    return statement | {"Condition": {"StringEquals": {key: value}}} if value else statement


def _allow(actions: Sequence[str], *resources: str) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _document(*statements: Document) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}
