"""What stands in an account, all of it; and stacks made quickly, of the very requests that deploy.sh sends."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

from ops.stack.resources.alerts import Alarms, AlertSubscriptions, Budgets, Dashboards
from ops.stack.resources.base import DesiredStack
from ops.stack.resources.functions import FunctionResources
from ops.stack.resources.iam import LogGroups, RolePolicies, Roles, Secrets
from ops.stack.resources.invocations import Mappings, Rules, RuleTargets
from ops.stack.resources.queues import DeadLetterQueues, Queues, Subscriptions, Topics
from ops.stack.resources.s3 import BucketNotifications, Buckets
from tests.infra.stubs import SETTINGS, TARGETS, StubTarget

Client = Callable[[str], Any]
# These change by themselves.
MOVING = {
    *("ResponseMetadata", "LastModified", "LastAccessedDate", "LastProcessingResult", "storedBytes"),
    # An alarm's state.
    *("StateValue", "StateReason", "StateUpdatedTimestamp", "StateTransitionedTimestamp"),
}
OLD = {"dim_old": StubTarget("dim_old", ("staff",))}


def steady(thing: Any) -> Any:
    """Return `thing` without the fields that change by themselves."""
    if isinstance(thing, dict):
        return {key: steady(value) for key, value in thing.items() if key not in MOVING and "Approximate" not in key}
    return [steady(each) for each in thing] if isinstance(thing, list) else thing


def everything(aws: Client, prefix: str = "") -> dict[str, Any]:
    """Return all that teardown.sh could delete, of any stack, by kind and name; only names with this prefix."""
    found: dict[str, Any] = {}

    def add(kind: str, name: str, thing: Any) -> None:
        if name.removeprefix("/aws/lambda/").startswith(prefix):
            found[f"{kind} {name}"] = steady(thing)

    events, functions, sns, sqs = aws("events"), aws("lambda"), aws("sns"), aws("sqs")
    for rule in events.list_rules()["Rules"]:
        add("rule", rule["Name"], rule | {"targets": events.list_targets_by_rule(Rule=rule["Name"])["Targets"]})
    watching = aws("cloudwatch")
    for alarm in watching.describe_alarms()["MetricAlarms"]:
        add("alarm", alarm["AlarmName"], alarm)
    for dashboard in watching.list_dashboards()["DashboardEntries"]:
        add("dashboard", dashboard["DashboardName"], dashboard)
    account = aws("sts").get_caller_identity()["Account"]
    for budget in aws("budgets").describe_budgets(AccountId=account).get("Budgets", []):
        add("budget", budget["BudgetName"], budget)
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        add("mapping", f"{mapping['FunctionArn'].rpartition(':')[2]} {mapping['UUID']}", mapping)
    for function in pages(functions, "list_functions", "Functions"):
        add("function", function["FunctionName"], function)
    for layer in functions.list_layers()["Layers"]:
        add("layer", layer["LayerName"], functions.list_layer_versions(LayerName=layer["LayerName"])["LayerVersions"])
    for topic in sns.list_topics()["Topics"]:
        add("topic", topic["TopicArn"].rpartition(":")[2], sns.get_topic_attributes(**topic)["Attributes"])
    for subscription in pages(sns, "list_subscriptions", "Subscriptions"):
        topic, listener = (subscription[key].rpartition(":")[2] for key in ("TopicArn", "Endpoint"))
        add("subscription", f"{topic} {listener}", subscription)
    for url in sqs.list_queues().get("QueueUrls", []):
        add("queue", url.rpartition("/")[2], sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    for group in pages(aws("logs"), "describe_log_groups", "logGroups"):
        add("log group", group["logGroupName"], group)
    for role in aws("iam").get_account_authorization_details(Filter=["Role"])["RoleDetailList"]:
        add("role", role["RoleName"], role)
    for secret in aws("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        add("secret", secret["Name"], secret)
    for bucket in aws("s3").list_buckets()["Buckets"]:
        add("bucket", bucket["Name"], held(aws("s3"), bucket["Name"]))
    return found


def held(s3: Any, bucket: str) -> dict[str, Any]:
    versions = pages(s3, "list_object_versions", "Versions", Bucket=bucket)
    return {
        "notification": s3.get_bucket_notification_configuration(Bucket=bucket),
        "tags": s3.get_bucket_tagging(Bucket=bucket)["TagSet"],
        # health/ is written again by every run.
        "versions": [(each["Key"], each["VersionId"]) for each in versions if not each["Key"].startswith("health/")],
    }


def pages(client: Any, operation: str, key: str, **arguments: Any) -> list[Any]:
    listed = client.get_paginator(operation).paginate(**arguments)
    return [each for page in listed for each in page.get(key, ())]


def empty_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("empty.py", "")
    return content.getvalue()


def stand(aws: Client, stage: str, account: str, **settings: str) -> None:
    """Make a stack of two warehouse tables, and of one that no topology knows any more."""
    settings = (
        SETTINGS | {"STAGE": stage, "ACCOUNT_ID": account, "AWS_ENDPOINT_URL": "http:", "SLACK_SECRET": ""} | settings
    )
    sent = DesiredStack(settings, TARGETS | OLD)
    for name, role in Roles.desired(sent):
        aws("iam").create_role(**role)
        aws("iam").attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    for _, policy in RolePolicies.desired(sent):
        aws("iam").put_role_policy(**policy)
    for _, group in LogGroups.desired(sent):
        aws("logs").create_log_group(**group)
    for _, queue in (*DeadLetterQueues.desired(sent), *Queues.desired(sent)):
        aws("sqs").create_queue(**queue)
    for _, topic in Topics.desired(sent):
        aws("sns").create_topic(**topic)
    for _, subscription in (*Subscriptions.desired(sent), *AlertSubscriptions.desired(sent)):
        aws("sns").subscribe(**subscription)
    _stand_functions(aws, sent, f"totestream-{stage}-libraries")
    _stand_alerts(aws, sent)
    _stand_data(aws, sent)


def _stand_functions(aws: Client, sent: DesiredStack, layer: str) -> None:
    functions = aws("lambda")
    for _ in range(2):
        functions.publish_layer_version(LayerName=layer, Content={"ZipFile": empty_zip()})
    for _, function in FunctionResources.desired(sent):
        functions.create_function(**function | {"Code": {"ZipFile": empty_zip()}, "Layers": []})
    for _, mapping in Mappings.desired(sent):
        functions.create_event_source_mapping(**mapping)
    for (_, rule), (_, targets) in zip(Rules.desired(sent), RuleTargets.desired(sent), strict=True):
        aws("events").put_rule(**rule | {"State": "DISABLED"})
        aws("events").put_targets(**targets)


def _stand_alerts(aws: Client, sent: DesiredStack) -> None:
    for _, alarm in Alarms.desired(sent):
        aws("cloudwatch").put_metric_alarm(**alarm)
    for _, dashboard in Dashboards.desired(sent):
        aws("cloudwatch").put_dashboard(**dashboard)
    for _, budget in Budgets.desired(sent):
        aws("budgets").create_budget(**budget)


def _stand_data(aws: Client, sent: DesiredStack) -> None:
    s3 = aws("s3")
    for name, bucket in Buckets.desired(sent):
        s3.create_bucket(**bucket)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": sent.tag_list})
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=name, Key="runs/00000001.json", Body=b"{}")
    for name, notification in BucketNotifications.desired(sent):
        s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=notification)
    there = [secret["Name"] for secret in aws("secretsmanager").list_secrets()["SecretList"]]
    for _, secret in Secrets.desired(sent):
        if secret["Name"] not in there:
            aws("secretsmanager").create_secret(**secret, SecretString="{}")
