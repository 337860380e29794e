"""What others have attached to a stack's things is listed, deleted, and then gone, against an emulator."""

import json
import os
import subprocess
from typing import Any

import pytest

from shared.names import Names
from tests.infra.test_teardown import ACCOUNT, ROOT, Cloud, cloud

__all__ = ["cloud"]

pytestmark = pytest.mark.soak  # it deploys twice; test_foreign.py has each of its cases

NAMES = Names("totestream", "dev", "eu-west-2", ACCOUNT)
LOAD, ALERT = NAMES.function("load"), NAMES.function("alert")
TOPIC, BUCKET = NAMES.topic_arn("alerts"), NAMES.bucket("processed")
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
OTHER = {"AWS": "arn:aws:iam::666666666666:root"}
KEPT = "kept@example.com"
# The part of deploy.sh: everything of ours is there already.
STEP = """
    source infra_bash/lib/script.sh
    aws="../aws/s3 ../aws/sns ../aws/iam ../aws/lambda ../aws/events"
    for part in arguments settings aws state $aws remove foreign; do
      source infra_bash/lib/$part.sh
    done
    SETTINGS_FILE=$1
    DRY_RUN=$2
    load_settings
    read_account
    export CODE_KEY=deploy/code.zip LAYER_ARN=arn:aws:lambda:eu-west-2:$ACCOUNT_ID:layer:l:1
    write_requests buckets bucket_parts topics subscriptions alert_subscriptions
    write_requests roles role_policies permissions rule_targets functions
    aws_read iam get-account-authorization-details --filter Role >"$ACTUAL/roles.json"
    aws_read lambda list-functions >"$ACTUAL/functions.json"
    read_subscriptions
    remove_foreign
"""


def step(cloud: Cloud, dry_run: str) -> list[str]:
    command = ["bash", "-c", STEP, "deploy.sh", str(cloud.settings), dry_run]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(done.stderr.splitlines())


def attach(cloud: Cloud) -> list[str]:
    """Make one foreign attachment of each kind, and return the lines about them."""
    iam, functions, sns, s3 = (cloud.aws(service) for service in ("iam", "lambda", "sns", "s3"))
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    iam.put_role_policy(RoleName=LOAD, PolicyName="more", PolicyDocument=document)
    iam.attach_role_policy(RoleName=LOAD, PolicyArn=ADMIN)
    invoke = {"StatementId": "theirs", "Action": "lambda:InvokeFunction", "Principal": "666666666666"}
    functions.add_permission(FunctionName=ALERT, **invoke)
    url = functions.create_function_url_config(FunctionName=ALERT, AuthType="NONE")["FunctionUrl"]
    functions.create_alias(FunctionName=ALERT, Name="theirs", FunctionVersion="$LATEST")
    for address in ("you@example.com", KEPT):
        sns.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint=address)
    target = NAMES.function_arn(ALERT)
    cloud.aws("events").put_targets(Rule=LOAD, Targets=[{"Id": "theirs", "Arn": target}])
    read = {"Effect": "Allow", "Principal": OTHER, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [read]}))
    role = NAMES.role_arn(LOAD)
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{NAMES.bucket('ingestion')}"}}
    s3.put_bucket_replication(Bucket=BUCKET, ReplicationConfiguration={"Role": role, "Rules": [rule]})
    return [
        f"delete  role policy {LOAD} (more)",
        f"delete  attached policy {LOAD} ({ADMIN})",
        f"delete  permission {ALERT} (theirs, for 666666666666)",
        f"delete  function url {ALERT} ({url})",
        f"delete  alias {ALERT} (theirs)",
        f"delete  subscription {NAMES.topic('alerts')} (email you@example.com)",
        f"delete  rule target {LOAD} ({target})",
        f"delete  bucket policy {BUCKET}",
        f"delete  bucket replication {BUCKET}",
    ]


def standing(cloud: Cloud) -> None:
    """Build a stack as deploy.sh leaves it, with foreign attachments, and another whose names have ours as prefix."""
    keep: dict[str, Any] = {"KEEP_SUBSCRIPTIONS": KEPT, "ALERT_EMAIL": "someone@example.com", "CREATE_ONLY": "no"}
    cloud.stand("dev-two", **keep)
    cloud.stand("dev", SOURCE_SECRET="s", WAREHOUSE_SECRET="w", **keep)  # noqa: S106 - names
    for role in cloud.aws("iam").list_roles()["Roles"]:
        if role["RoleName"].startswith("totestream-dev-") and "-two-" not in role["RoleName"]:
            read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess"
            cloud.aws("iam").detach_role_policy(RoleName=role["RoleName"], PolicyArn=read_only)
    old = [each for each in cloud.aws("sns").list_subscriptions()["Subscriptions"] if "dev-dim_old" in each["Endpoint"]]
    for subscription in old:
        cloud.aws("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def test_what_others_have_attached_is_listed_then_deleted_then_gone(cloud: Cloud) -> None:
    standing(cloud)
    assert step(cloud, "yes") == []
    attached = sorted(attach(cloud))
    before = cloud.everything()
    assert step(cloud, "yes") == attached
    assert cloud.everything() == before
    assert step(cloud, "no") == attached
    assert step(cloud, "no") == []
    heard = cloud.aws("sns").list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    assert KEPT in {each["Endpoint"] for each in heard}
    two = cloud.aws("iam").list_attached_role_policies(RoleName="totestream-dev-two-load")["AttachedPolicies"]
    assert len(two) == 1
