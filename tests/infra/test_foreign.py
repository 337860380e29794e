"""What others have attached to our things is found, and nothing of ours, of a retired table or of another stack."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.teardown.foreign import Foreign

pytestmark = pytest.mark.fast

ROLE = "arn:aws:iam::1:role/s-load"
# What former deploys attached: when it goes is judged with the roles.
VPC = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
TOPIC, ADMIN = "arn:aws:sns:r:1:s-alerts", "arn:aws:iam::aws:policy/AdministratorAccess"


class There:
    """A stack of one thing of each kind, and what AWS answers of it: nothing that is not ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("functions/s-load.json", {"Role": ROLE})
        self.write("roles/s-load.json", {})
        self.write("role_policies/s-load.json", {"PolicyName": "rights"})
        self.write("permissions/s-load.schedule.json", {})
        self.write("rule_targets/s-load.json", {"Targets": [{"Id": "function"}]})
        self.write("subscriptions/s-q.json", {"TopicArn": TOPIC, "Endpoint": "arn:aws:sqs:r:1:s-q"})
        self.write("alert_subscriptions/s-mail.json", {"TopicArn": TOPIC, "Endpoint": "me@example.com"})
        for bucket in ("b", "c"):
            self.write(f"buckets/{bucket}.json", {})
            self.write(f"actual/bucket_policies/{bucket}.json", "")
            self.write(f"actual/bucket_replications/{bucket}.json", "")
        self.role()
        self.functions({"FunctionName": "s-load", "Role": ROLE})
        self.versions("$LATEST")
        self.permissions("schedule")
        self.write("actual/rule_targets/s-load.json", {"Targets": [{"Id": "function", "Arn": "f"}]})
        self.hears("arn:1", "sqs", "arn:aws:sqs:r:1:s-q")
        self.hears("PendingConfirmation", "email", "me@example.com")

    def write(self, name: str, content: Any) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))

    def role(self, *, inline: tuple[str, ...] = (), attached: tuple[str, ...] = (), name: str = "s-load") -> None:
        policies = [{"PolicyName": each} for each in ("rights", *inline)]
        managed = [{"PolicyArn": each} for each in (VPC, *attached)]
        role = {"RoleName": name, "RolePolicyList": policies, "AttachedManagedPolicies": managed}
        self.write("actual/roles.json", {"RoleDetailList": [role]})

    def functions(self, *functions: dict[str, str]) -> None:
        self.write("actual/functions.json", {"Functions": functions})

    def versions(self, *versions: str, name: str = "s-load") -> None:
        listed = [{"FunctionName": name, "Version": version} for version in versions]
        self.write("actual/versions.json", {"Functions": listed})

    def permissions(self, *names: str) -> None:
        statements = [{"Sid": name, "Principal": {"AWS": "arn:aws:iam::6:root"}} for name in names]
        self.write("actual/permissions/s-load.json", {"Policy": json.dumps({"Statement": statements})})

    def hears(self, arn: str, protocol: str, endpoint: str) -> None:
        file = self.folder / "actual/subscriptions.txt"
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}{TOPIC}\t{arn}\t{protocol}\t{endpoint}\n")

    def found(self, *keep: str) -> list[tuple[str, ...]]:
        return [tuple(line) for line in Foreign(self.folder, keep).lines()]


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path)


def test_nothing_of_ours_is_foreign(there: There) -> None:
    assert there.found() == []


def test_a_policy_more_on_a_role(there: There) -> None:
    there.role(inline=("more",), attached=(ADMIN,))
    assert there.found() == [
        ("delete", "role policy", "s-load", "s-load/more", "more"),
        ("delete", "attached policy", "s-load", f"s-load/{ADMIN}", ADMIN),
    ]


def test_roles_that_are_not_of_this_stack_are_left_alone(there: There) -> None:
    there.role(inline=("more",), attached=(ADMIN,), name="s-load-two")
    assert there.found() == []


def test_a_permission_more_on_a_function(there: There) -> None:
    there.permissions("schedule", "schedule-anew", "theirs", "theirs-anew")
    note = "theirs, for arn:aws:iam::6:root"
    assert there.found() == [
        ("delete", "permission", "s-load", "s-load/theirs", note),
        ("delete", "permission", "s-load", "s-load/theirs-anew", note.replace("theirs", "theirs-anew")),
    ]


def test_another_way_into_a_function(there: There) -> None:
    of_alias = {"FunctionArn": "arn:aws:lambda:r:1:function:s-load:x", "FunctionUrl": "https://x"}
    own = {"FunctionArn": "arn:aws:lambda:r:1:function:s-load", "FunctionUrl": "https://own"}
    there.write("actual/function_urls/s-load.json", {"FunctionUrlConfigs": [of_alias, own]})
    there.write("actual/aliases/s-load.json", {"Aliases": [{"Name": "x"}]})
    there.versions("$LATEST", "7")
    assert there.found() == [
        ("delete", "function url", "s-load", "s-load:x", "https://x"),
        ("delete", "function url", "s-load", "s-load", "https://own"),
        ("delete", "alias", "s-load", "s-load/x", "x"),
        ("delete", "version", "s-load", "s-load/7", "7"),
    ]


def test_versions_of_another_stage_are_its_own(there: There) -> None:
    there.versions("7", name="s-load-two")
    assert there.found() == []


def test_a_function_of_somebody_elses_that_runs_as_our_role_is_named(there: There) -> None:
    there.functions({"FunctionName": "x", "Role": ROLE}, {"FunctionName": "y", "Role": f"{ROLE}-two"})
    assert there.found() == [("stays", "function", "x", "x", "runs with our role s-load: delete it")]


def test_who_else_hears_a_topic(there: There) -> None:
    there.hears("arn:2", "email", "you@example.com")
    there.hears("arn:3", "https", "https://hook.example.com/secret?token=1")
    there.hears("PendingConfirmation", "email", "later@example.com")
    there.hears("Deleted", "email", "gone@example.com")
    assert there.found() == [
        ("delete", "subscription", "s-alerts", "arn:2", "email you@example.com"),
        ("delete", "subscription", "s-alerts", "arn:3", "https https://hook.example.com"),
        ("stays", "subscription", "s-alerts", "PendingConfirmation", "email later@example.com, not confirmed yet"),
    ]
    assert there.found("you@example.com", "https://hook.example.com/secret?token=1", "later@example.com") == []
    assert len(there.found("example.com", "*")) == 3


def test_what_went_with_a_retired_table_is_not_taken_twice(there: There) -> None:
    there.hears("arn:2", "sqs", "arn:aws:sqs:r:1:s-old")
    there.write("retired", "delete\tsubscription\ts-old\tarn:2\t\nkeep\ttable\told\told\tstays\n")
    assert there.found() == []


def test_another_target_of_a_rule(there: There) -> None:
    targets = [{"Id": "function", "Arn": "f"}, {"Id": "x", "Arn": "arn:theirs"}]
    there.write("actual/rule_targets/s-load.json", {"Targets": targets})
    assert there.found() == [("delete", "rule target", "s-load", "s-load/x", "arn:theirs")]


def test_a_policy_of_a_bucket_that_wants_none_and_a_copy_to_another(there: There) -> None:
    there.write("actual/bucket_policies/b.json", {"Policy": "{}"})
    there.write("actual/bucket_replications/c.json", {"ReplicationConfiguration": {}})
    assert there.found() == [("delete", "bucket policy", "b", "b", ""), ("delete", "bucket replication", "c", "c", "")]
