"""What is left of a table without a module is found and goes, dependants first; nothing else does."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.stack.resources.base import StackState
from ops.teardown.retired_tables import retired
from tests.infra.stubs import NAMES

pytestmark = pytest.mark.fast

OLD, KEPT = "dim_old", "dim_staff"
TAGS = {"project": NAMES.project, "stage": NAMES.stage}


class There:
    """An account's answers, one thing after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, Any] = {
            "roles": {"RoleDetailList": []},
            "functions": {"Functions": []},
            "mappings": {"EventSourceMappings": []},
            "log_groups": {"logGroups": []},
        }
        self.subscriptions = self.urls = ""
        self.wanted(KEPT)

    def wanted(self, table: str) -> None:
        self._write(f"roles/{NAMES.transform(table)}.json", {})

    def table(self, table: str, prefix: str = NAMES.prefix, **more: Any) -> None:
        """Add all resources that deploy.sh creates for a table."""
        self.role(f"{prefix}-transform-{table}", more.get("tags", TAGS))
        function, queue = f"{prefix}-transform-{table}", f"{prefix}-{table}"
        arns = {
            "FunctionArn": f"arn:aws:lambda:r:1:function:{function}",
            "EventSourceArn": f"arn:aws:sqs:r:1:{queue}",
        }
        mapping = {"UUID": f"uuid-{table}"} | arns
        self.answers["functions"]["Functions"].append({"FunctionName": function})
        self.answers["mappings"]["EventSourceMappings"].append(mapping | {"State": more.get("state", "Enabled")})
        self.answers["log_groups"]["logGroups"].append({"logGroupName": f"/aws/lambda/{function}"})
        topic = "arn:aws:sns:r:1:changes"
        self.subscriptions += f"{topic}\t{topic}:{table}\tsqs\tarn:aws:sqs:r:1:{queue}\n"
        self.queue(queue, more.get("messages", 0))
        self.queue(f"{queue}-dlq", more.get("dead_letters", 0))

    def role(self, name: str, tags: dict[str, str]) -> None:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        policies = [{"PolicyName": "rights"}]
        self.answers["roles"]["RoleDetailList"].append({"RoleName": name, "Tags": listed, "RolePolicyList": policies})

    def queue(self, name: str, messages: int) -> None:
        self.urls += f"https://sqs/{name}\n"
        self._write(f"actual/queues/{name}.json", {"Attributes": {"ApproximateNumberOfMessages": str(messages)}})

    def left(self) -> list[str]:
        for name, answer in self.answers.items():
            self._write(f"actual/{name}.json", answer)
        (self.folder / "actual/subscriptions.txt").write_text(self.subscriptions)
        (self.folder / "actual/queue_urls.txt").write_text(self.urls)
        return ["\t".join(line).rstrip() for line in retired(StackState(self.folder), NAMES)]

    def _write(self, name: str, content: Any) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(json.dumps(content))


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path)


def test_all_of_it_goes_in_an_order_that_works_and_the_table_stays(there: There) -> None:
    there.table(OLD, messages=1, dead_letters=2)
    there.table(KEPT)
    assert there.left() == [
        "delete\tmapping\ttotestream-test-transform-dim_old\tuuid-dim_old",
        "delete\tfunction\ttotestream-test-transform-dim_old\ttotestream-test-transform-dim_old",
        "delete\tsubscription\ttotestream-test-dim_old\tarn:aws:sns:r:1:changes:dim_old",
        "delete\tqueue\ttotestream-test-dim_old\thttps://sqs/totestream-test-dim_old\twith 1 message",
        "delete\tqueue\ttotestream-test-dim_old-dlq\thttps://sqs/totestream-test-dim_old-dlq\twith 2 dead letters",
        "delete\tlog group\t/aws/lambda/totestream-test-transform-dim_old"
        "\t/aws/lambda/totestream-test-transform-dim_old",
        "delete\trole policy\ttotestream-test-transform-dim_old\ttotestream-test-transform-dim_old/rights",
        "delete\trole\ttotestream-test-transform-dim_old\ttotestream-test-transform-dim_old",
        "keep\ttable\tdim_old\tdim_old\tstays in the warehouse; it is no longer filled",
    ]


def test_a_subscription_that_is_going_already_is_passed_over(there: There) -> None:
    there.table(OLD)
    there.subscriptions = there.subscriptions.replace("arn:aws:sns:r:1:changes:dim_old", "Deleted")
    assert not [line for line in there.left() if "subscription" in line]


def test_what_is_wanted_is_left_alone(there: There) -> None:
    there.table(KEPT)
    assert there.left() == []


@pytest.mark.parametrize("prefix", ["totestream-test-two", "totestream-tes", "totestream", "my-totestream-test"])
def test_another_stack_is_left_alone_though_its_name_begins_like_ours(there: There, prefix: str) -> None:
    there.table(OLD, prefix, tags={"project": "totestream", "stage": "test-two"})
    assert there.left() == []


def test_the_name_alone_tells_stacks_apart(there: There) -> None:
    there.table(OLD, "totestream-test-two")
    assert there.left() == []


@pytest.mark.parametrize("tags", [{}, {"project": "totestream"}, TAGS | {"stage": "other"}])
def test_what_does_not_carry_our_tags_is_left_alone(there: There, tags: dict[str, str]) -> None:
    there.table(OLD, tags=tags)
    assert there.left() == []


@pytest.mark.parametrize("noun", ["load", "transform", "transform-staff", "transform-dim_", "dim_old"])
def test_only_transforms_of_warehouse_tables_are_looked_at(there: There, noun: str) -> None:
    there.role(NAMES(noun), TAGS)
    assert there.left() == []


def test_a_removal_that_was_stopped_goes_on(there: There) -> None:
    there.role(NAMES.transform(OLD), TAGS)
    there.queue(NAMES.dead_letter_queue(OLD), 0)
    assert [line.split("\t")[1] for line in there.left()] == ["queue", "role policy", "role", "table"]


def test_a_mapping_that_is_going_is_not_deleted_again(there: There) -> None:
    there.table(OLD, state="Deleting")
    assert "mapping" not in [line.split("\t")[1] for line in there.left()]
