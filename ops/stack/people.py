"""The least rights of people and their workflows: to deploy, to plan, to operate; and the permissions boundary of the
roles that a deploy creates.

Pure functions that return IAM documents. An action on `*` takes no resource in IAM, or is called before its resource
has a name.
"""

from collections.abc import Mapping

from ops.stack import role_policies, topology
from ops.stack.statements import Document, allow, document
from ops.stack.topology import INGESTION, PROCESSED, Settings, Targets
from shared.names import Names

# Actions that no script calls, but that AWS requires for another call, with that reason.
IMPLICIT_ACTIONS: Mapping[str, str] = {
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
    "ec2:DescribeVpcs": "a function is put into its VPC",
}
# Lists that take no resource; they return little more than names.
_LISTS = (
    *("s3:ListAllMyBuckets", "iam:ListRoles", "lambda:ListFunctions", "lambda:ListEventSourceMappings"),
    *("lambda:ListLayerVersions", "lambda:GetAccountSettings", "sns:ListTopics", "sns:ListSubscriptions"),
    *("sns:GetSubscriptionAttributes", "sqs:ListQueues", "logs:DescribeLogGroups", "cloudwatch:DescribeAlarms"),
    *("secretsmanager:ListSecrets", "tag:GetResources", "events:ListRules", "ec2:DescribeNetworkInterfaces"),
)
_BUCKET_SETTINGS = (
    *("BucketPublicAccessBlock", "BucketOwnershipControls", "EncryptionConfiguration", "BucketTagging"),
    *("BucketVersioning", "BucketPolicy", "LifecycleConfiguration", "BucketNotification", "ReplicationConfiguration"),
)
# The actions that read existing resources, by kind.
_READ = {
    "s3": ("s3:ListBucket", *(f"s3:Get{part}" for part in _BUCKET_SETTINGS)),
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
# The actions that create, change and delete resources, by kind.
_WRITE = {
    "s3": (
        *(
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:DeleteBucketPolicy",
            "s3:ListBucketVersions",
            "s3:ListBucketMultipartUploads",
        ),
        *(f"s3:Put{part}" for part in _BUCKET_SETTINGS),
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
# The actions that decide a role's rights: allowed only with the permissions boundary.
_BOUNDED = (
    *("iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"),
    "iam:PutRolePermissionsBoundary",
)
_MAPPINGS = tuple(f"lambda:{verb}EventSourceMapping" for verb in ("Create", "Update", "Delete"))


def deployer(names: Names, settings: Settings) -> Document:
    """Return the rights to run deploy.sh and teardown.sh.

    With PERMISSIONS_BOUNDARY they create no role that may do more than the boundary, and do not remove the boundary.
    Without it they can create a role with every right.
    """
    resources = _resources(names, settings)
    both = {kind: (*_READ.get(kind, ()), *_WRITE.get(kind, ())) for kind in resources}
    boundary = settings.get("PERMISSIONS_BOUNDARY", "")
    objects = [names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED)]
    return document(
        *(allow(actions, *resources[kind]) for kind, actions in both.items()),
        allow(("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload"), *objects),
        # Package, layer and deploy lock; catalogue; record of a pause.
        allow(
            ("s3:GetObject", "s3:PutObject"),
            *(names.bucket_arn(INGESTION, key) for key in ("deploy/*", "catalogue/*", "health/paused.json")),
        ),
        _when(allow(_BOUNDED, *resources["role"]), "iam:PermissionsBoundary", boundary),
        _when(allow(("iam:PassRole",), *resources["role"]), "iam:PassedToService", "lambda.amazonaws.com"),
        _allow_mappings(names),
        allow((*_LISTS, "sns:SetSubscriptionAttributes", "sns:Unsubscribe"), "*"),
        allow(tuple(f"ec2:Describe{what}" for what in ("SecurityGroups", "Subnets", "Vpcs")), "*"),
    )


def planner(names: Names, settings: Settings) -> Document:
    """Return the rights to run deploy.sh --dry-run and status.sh, without a right to write. They do not allow migrate,
    not even its preview: a right to invoke a function is a right to send it any event."""
    resources = _resources(names, settings)
    return document(
        *(allow(actions, *resources[kind]) for kind, actions in _READ.items()),
        allow(("s3:GetObject",), names.bucket_arn(INGESTION, "health/paused.json")),
        allow(("lambda:InvokeFunction",), names.function_arn(names.function("inspect"))),
        allow(_LISTS, "*"),
    )


def operator(names: Names, settings: Settings) -> Document:
    """Return the rights to run the scripts that inspect or repair a table, pause the pipeline or run a drill, without
    the right to deploy."""
    resources = _resources(names, settings)
    every_object = names.bucket_arn(PROCESSED, "*")
    return document(
        allow(("lambda:InvokeFunction",), *resources["function"]),
        allow(
            (
                *("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"),
                *("sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:PurgeQueue"),
            ),
            *resources["queue"],
        ),
        allow(("events:EnableRule", "events:DisableRule"), *resources["rule"]),
        allow(("logs:FilterLogEvents",), *resources["log group"]),
        # The record of a pause. S3 answers 404 for a missing key only to a caller who may list.
        allow(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), names.bucket_arn(INGESTION, "health/paused.json")),
        allow(("s3:GetObject",), *(names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED))),
        # The drill run-refused, which damages a manifest.
        allow(("s3:PutObject",), every_object.replace("/*", "/manifests/*")),
        allow(("s3:ListBucket",), *(names.bucket_arn(bucket) for bucket in (INGESTION, PROCESSED))),
        _allow_mappings(names, "Update"),
        allow(("events:ListRules", "lambda:ListEventSourceMappings"), "*"),
    )


def boundary(names: Names, settings: Settings, targets: Targets) -> Document:
    """Return the permissions boundary of the stack's functions: for each service the actions of all roles, on every
    resource that is named like the stack, so that a new warehouse table needs no new boundary."""
    allowed: dict[str, set[str]] = {}
    with_vpc = {**settings, "SUBNET_IDS": settings.get("SUBNET_IDS") or "any"}
    for policy in role_policies.role_policies(names, with_vpc, targets).values():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                # Only the emulator has actions for batches.
                for action in (action for action in statement["Action"] if not action.endswith("Batch")):
                    allowed.setdefault(action.partition(":")[0], set()).add(action)
    resources = _resources(names, settings)
    own_objects = [names.bucket_arn(bucket, "*") for bucket in (INGESTION, PROCESSED)]
    resources_by_service = {
        "s3": [*resources["s3"], *own_objects],
        "secretsmanager": resources["secret"],
        "sns": resources["topic"],
        "sqs": resources["queue"],
        "lambda": resources["function"],
        "logs": resources["log group"],
    }
    return document(
        *(
            allow(sorted(actions), *resources_by_service.get(service, ["*"]))
            for service, actions in sorted(allowed.items())
        )
    )


def _resources(names: Names, settings: Settings) -> dict[str, list[str]]:
    """Return the ARNs of all resources that are named like the stack, by kind."""
    every = f"{names.prefix}-*"
    # A secret that does not exist yet has no six characters after its name.
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


def _allow_mappings(names: Names, *verbs: str) -> Document:
    """Allow the actions on event source mappings of our functions. A mapping has only an id, so the function is the
    condition."""
    actions = [action for action in _MAPPINGS if not verbs or any(verb in action for verb in verbs)]
    ours = names.function_arn(f"{names.prefix}-*")
    return allow(actions, "*") | {"Condition": {"ArnLike": {"lambda:FunctionArn": ours}}}


def _when(statement: Document, key: str, value: str) -> Document:
    return statement | {"Condition": {"StringEquals": {key: value}}} if value else statement
