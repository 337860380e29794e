"""What differs is found, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.stack.resources.base import StackState, diff, normal
from ops.stack.resources.functions import FunctionConfigurations
from ops.stack.resources.invocations import InvokeConfigs, Mappings, Permissions, RuleTargets
from ops.stack.resources.s3 import BucketNotifications, BucketParts

pytestmark = pytest.mark.fast


def test_json_in_a_string_is_compared_by_its_content() -> None:
    assert normal('{"a": 1, "b": ["x"]}') == normal('{"b": "x", "a": "1"}')


def test_the_order_of_actions_is_no_difference() -> None:
    assert normal({"Action": ["b", "a"]}) == normal({"Action": ["a", "b"]})


def test_the_order_of_things_with_their_fields_in_another_order_is_no_difference() -> None:
    said = [{"Id": "a", "Days": 1}, {"Id": "b", "Expiration": {"x": 1}}]
    assert normal(said) == normal([{"Expiration": {"x": 1}, "Id": "b"}, {"Id": "a", "Days": 1}])


def test_one_statement_more_is_a_difference() -> None:
    assert normal({"Statement": [{"a": 1}]}) != normal({"Statement": [{"a": 1}, {"b": 1}]})


def test_what_aws_adds_by_itself_is_no_difference() -> None:
    assert list(diff({"q": {"A": "1"}}, {"q": {"A": "1", "CreatedTimestamp": "2"}})) == [("ok", "q", "")]


def test_what_is_missing_is_created_and_what_differs_is_named() -> None:
    have = {"there": {"A": "1", "B": "2"}}
    assert list(diff({"there": {"A": "2", "B": "2"}, "new": {}}, have)) == [
        ("update", "there", "A"),
        ("create", "new", ""),
    ]


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, content: Any) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def mapping(uuid: str, batch: int = 5) -> dict[str, Any]:
    return {
        "UUID": uuid,
        "FunctionArn": "arn:aws:lambda:r:1:function:f",
        "EventSourceArn": "arn:aws:sqs:r:1:q",
        "BatchSize": batch,
    }


WANTED = {"FunctionName": "f", "EventSourceArn": "arn:aws:sqs:r:1:q", "BatchSize": 5}


def test_a_second_mapping_of_the_same_queue_is_taken_away(folder: Folder) -> None:
    folder.write("mappings/f.json", WANTED)
    folder.write("actual/mappings.json", {"EventSourceMappings": [mapping("1"), mapping("2")]})
    assert list(Mappings.difference(StackState(folder.path))) == [("ok", "f", "1"), ("delete", "f", "2")]


def test_a_mapping_is_changed_by_its_id(folder: Folder) -> None:
    folder.write("mappings/f.json", WANTED)
    folder.write("actual/mappings.json", {"EventSourceMappings": [mapping("1", batch=1)]})
    assert list(Mappings.difference(StackState(folder.path))) == [("update", "f", "1")]


FUNCTION = {"FunctionName": "f", "Role": "arn:f", "LastModified": "2026-11-24T10:00:05.250+0000"}
ROLE = {"RoleName": "f", "CreateDate": "2026-11-24T10:00:05Z"}


def test_extract_is_updated_last(folder: Folder) -> None:
    functions = [{"FunctionName": f"s-{noun}", "Timeout": 1} for noun in ("extract", "load", "transform-dim_staff")]
    for function in functions:
        folder.write(f"function_configurations/{function['FunctionName']}.json", function | {"Timeout": 2})
    folder.write("actual/functions.json", {"Functions": functions})
    lines = list(FunctionConfigurations.difference(StackState(folder.path)))
    assert [name for _, name, _ in lines] == ["s-load", "s-transform-dim_staff", "s-extract"]


def test_an_environment_variable_too_much_is_a_difference(folder: Folder) -> None:
    folder.write("function_configurations/f.json", {"Environment": {"Variables": {"A": "1"}}})
    folder.write(
        "actual/functions.json",
        {"Functions": [FUNCTION | {"Environment": {"Variables": {"A": "1", "B": "2"}}}]},
    )
    folder.write("actual/roles.json", {"RoleDetailList": [ROLE]})
    assert list(FunctionConfigurations.difference(StackState(folder.path))) == [("update", "f", "Environment")]


def test_a_mapping_on_its_way_out_is_none(folder: Folder) -> None:
    folder.write("mappings/f.json", WANTED)
    folder.write("actual/mappings.json", {"EventSourceMappings": [mapping("1") | {"State": "Deleting"}]})
    assert list(Mappings.difference(StackState(folder.path))) == [("create", "f", "")]


@pytest.mark.parametrize("roles", [[], [ROLE | {"CreateDate": "2026-11-24T10:00:06Z"}]])
def test_a_function_whose_role_was_made_again_holds_the_id_of_a_dead_one(folder: Folder, roles: list[Any]) -> None:
    """Expect it also when the deploy that recreated the role was killed before it updated the function."""
    folder.write("function_configurations/f.json", {"Role": "arn:f"})
    folder.write("actual/functions.json", {"Functions": [FUNCTION]})
    folder.write("actual/roles.json", {"RoleDetailList": roles})
    assert list(FunctionConfigurations.difference(StackState(folder.path))) == [("update", "f", "RoleRecreated")]


def test_a_target_that_is_given_more_than_we_give_it_is_put_again(folder: Folder) -> None:
    ours = {"Id": "function", "Arn": "a", "Input": "{}"}
    folder.write("rule_targets/f.json", {"Rule": "f", "Targets": [ours]})
    folder.write("actual/rule_targets/f.json", {"Targets": [{"Id": "theirs", "Arn": "b"}, ours]})
    assert list(RuleTargets.difference(StackState(folder.path))) == [("ok", "f", "")]
    folder.write("actual/rule_targets/f.json", {"Targets": [ours | {"DeadLetterConfig": {"Arn": "theirs"}}]})
    assert list(RuleTargets.difference(StackState(folder.path))) == [("update", "f", "DeadLetterConfig")]


def test_a_mapping_of_our_queue_that_nobody_wants_is_taken_away(folder: Folder) -> None:
    folder.write("queues/q.json", {})
    theirs = mapping("2") | {"EventSourceArn": "arn:aws:sqs:r:1:theirs"}
    folder.write("actual/mappings.json", {"EventSourceMappings": [mapping("1"), theirs]})
    assert list(Mappings.difference(StackState(folder.path))) == [("delete", "f", "1")]


def test_what_others_may_invoke_is_judged_elsewhere(folder: Folder) -> None:
    """Leave it to foreign.py, which deletes it."""
    assert permissions(folder, statement("schedule"), statement("theirs")) == [("ok", "f.schedule", "")]


RULE = "arn:aws:events:eu-west-2:123456789012:rule/f"


def statement(sid: str, **others: Any) -> dict[str, Any]:
    """Return the statement that Lambda makes of an add-permission request."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": "arn:aws:lambda:eu-west-2:123456789012:function:f",
        "Condition": {"ArnLike": {"AWS:SourceArn": RULE}},
    } | others


def permissions(folder: Folder, *statements: dict[str, Any]) -> list[tuple[str, str, str]]:
    want = {
        "FunctionName": "f",
        "StatementId": "schedule",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": RULE,
    }
    folder.write("permissions/f.schedule.json", want)
    folder.write("actual/permissions/f.json", {"Policy": json.dumps({"Statement": statements})})
    return list(Permissions.difference(StackState(folder.path)))


# What former versions wrote: EventBridge does not invoke by it.
FORMER = {"ArnLike": {"AWS:SourceArn": RULE}, "StringEquals": {"AWS:SourceAccount": "123456789012"}}


@pytest.mark.parametrize(
    "others",
    [
        {"Condition": FORMER},
        {"Condition": {"ArnLike": {"AWS:SourceArn": f"{RULE}*"}}},
        {"Condition": {"ArnNotLike": {"AWS:SourceArn": RULE}}},
        {"Condition": {}},
        {"Principal": {"Service": "s3.amazonaws.com"}},
        {"Principal": {"Service": "events.amazonaws.com", "AWS": "*"}},
        {"Principal": "*"},
        {"Action": "lambda:*"},
        {"Effect": "Deny"},
    ],
    ids=str,
)
def test_a_permission_is_known_by_what_it_allows_and_not_by_its_name(folder: Folder, others: dict[str, Any]) -> None:
    assert permissions(folder, statement("schedule", **others)) == [("update", "f.schedule", "schedule")]


def test_the_words_that_aws_has_for_the_same_are_no_difference(folder: Folder) -> None:
    equals = {"ArnEquals": {"aws:SourceArn": [RULE]}}
    assert permissions(folder, statement("schedule", Condition=equals)) == [("ok", "f.schedule", "")]


def test_a_permission_takes_the_other_ones_place_before_that_goes(folder: Folder) -> None:
    """Expect it also when the deploy was killed in between, or when both statements are correct, or none."""
    former, replaced = statement("schedule", Condition=FORMER), statement("schedule-anew")
    assert permissions(folder, former, replaced) == [("ok", "f.schedule", ""), ("delete", "f.schedule", "")]
    assert permissions(folder, replaced) == [("ok", "f.schedule", "")]
    assert permissions(folder, statement("schedule"), replaced) == [
        ("ok", "f.schedule", ""),
        ("delete", "f.schedule-anew", ""),
    ]
    wrong = statement("schedule-anew", Condition=FORMER)
    assert permissions(folder, wrong) == [("update", "f.schedule", "schedule-anew")]
    assert permissions(folder, former, wrong) == [("update", "f.schedule", "schedule,schedule-anew")]
    assert permissions(folder) == [("create", "f.schedule", "")]


def test_a_mapping_that_feeds_our_function_from_elsewhere_is_taken_away(folder: Folder) -> None:
    folder.write("functions/f.json", {})
    folder.write("mappings/f.json", WANTED)
    alias = mapping("3") | {"FunctionArn": "arn:aws:lambda:r:1:function:f:alias"}
    theirs = mapping("2") | {"EventSourceArn": "arn:aws:sqs:r:1:theirs"}
    folder.write("actual/mappings.json", {"EventSourceMappings": [mapping("1"), theirs, alias]})
    assert list(Mappings.difference(StackState(folder.path))) == [
        ("ok", "f", "1"),
        ("delete", "f", "2"),
        ("delete", "f:alias", "3"),
    ]


def test_tags_of_others_are_put_again_with_ours(folder: Folder) -> None:
    ours, theirs = {"Key": "stage", "Value": "dev"}, {"Key": "aws:owner", "Value": "x"}
    name = "bucket_parts/b.bucket-tagging.json"
    folder.write(name, {"Bucket": "b", "Tagging": {"TagSet": [ours]}})
    folder.write(f"actual/{name}", {"TagSet": [theirs, ours]})
    assert list(BucketParts.difference(StackState(folder.path))) == [("ok", "b.bucket-tagging", "")]
    folder.write(name, {"Bucket": "b", "Tagging": {"TagSet": [ours]}})
    folder.write(f"actual/{name}", {"TagSet": [theirs, {"Key": "stage", "Value": "prod"}]})
    assert list(BucketParts.difference(StackState(folder.path))) == [("update", "b.bucket-tagging", "Tagging")]
    put = json.loads((folder.path / name).read_text())
    assert put == {"Bucket": "b", "Tagging": {"TagSet": [ours, theirs]}}


NOTIFICATION = {"Id": "t-bell", "QueueArn": "arn", "Events": ["s3:ObjectCreated:*"]}


def document_put(folder: Folder) -> Any:
    return json.loads((folder.path / "bucket_notifications/b.json").read_text())["NotificationConfiguration"]


def test_our_notification_keeps_those_of_others(folder: Folder) -> None:
    other = {"Id": "theirs", "LambdaFunctionArn": "other", "Events": ["s3:ObjectRemoved:*"]}
    folder.write("bucket_notifications/b.json", {"QueueConfigurations": [NOTIFICATION]})
    folder.write(
        "actual/bucket_notifications/b.json",
        {"LambdaFunctionConfigurations": [other], "QueueConfigurations": [{"Id": "q"}]},
    )
    assert [action for action, _, _ in BucketNotifications.difference(StackState(folder.path))] == ["update"]
    assert document_put(folder) == {
        "LambdaFunctionConfigurations": [other],
        "QueueConfigurations": [{"Id": "q"}, NOTIFICATION],
    }


def test_a_notification_that_invokes_the_function_directly_is_removed(folder: Folder) -> None:
    direct = {"Id": "t-bell", "LambdaFunctionArn": "load", "Events": ["s3:ObjectCreated:*"]}
    folder.write("bucket_notifications/b.json", {"QueueConfigurations": [NOTIFICATION]})
    folder.write(
        "actual/bucket_notifications/b.json", {"LambdaFunctionConfigurations": [direct], "EventBridgeConfiguration": {}}
    )
    assert [action for action, _, _ in BucketNotifications.difference(StackState(folder.path))] == ["update"]
    assert document_put(folder) == {"QueueConfigurations": [NOTIFICATION], "EventBridgeConfiguration": {}}


def test_a_notification_that_is_not_desired_is_removed(folder: Folder) -> None:
    folder.write("bucket_notifications/b.json", {"QueueConfigurations": []})
    folder.write("actual/bucket_notifications/b.json", {"QueueConfigurations": [NOTIFICATION]})
    assert [action for action, _, _ in BucketNotifications.difference(StackState(folder.path))] == ["update"]
    assert document_put(folder) == {}


def test_a_notification_as_desired_is_not_changed(folder: Folder) -> None:
    folder.write("bucket_notifications/b.json", {"QueueConfigurations": [NOTIFICATION]})
    folder.write("actual/bucket_notifications/b.json", {"QueueConfigurations": [NOTIFICATION]})
    assert list(BucketNotifications.difference(StackState(folder.path))) == [("ok", "b", "")]


def test_an_answer_of_nothing_means_there_is_nothing(folder: Folder) -> None:
    folder.write("invoke_configs/f.json", {"FunctionName": "f", "MaximumRetryAttempts": 0})
    (folder.path / "actual/invoke_configs").mkdir(parents=True)
    (folder.path / "actual/invoke_configs/f.json").write_text("")
    assert list(InvokeConfigs.difference(StackState(folder.path))) == [("create", "f", "")]
