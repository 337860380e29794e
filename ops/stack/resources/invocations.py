"""Invocations: event source mappings, retries, permissions, and the schedules of EventBridge."""

from collections.abc import Iterator

from ops.stack import topology
from ops.stack.resources.base import (
    DesiredStack,
    Difference,
    Inventory,
    Json,
    Removals,
    Requests,
    ResourceKind,
    StackState,
    diff,
    differing_keys,
    last,
    only,
    without,
)
from ops.stack.resources.permissions import permission_differences
from ops.stack.topology import LOAD_TRIGGER
from shared.names import ALERTS


class Mappings(ResourceKind):
    """The event source mappings: which queue invokes which function."""

    name = "mappings"
    changes_name = "mapping_changes"
    is_per_table = True

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        at_once = topology.transforms_at_once(stack.settings)
        scaling = {"ScalingConfig": {"MaximumConcurrency": at_once}} if at_once else {}
        for queue in topology.queues(stack.targets):
            name = stack.names.transform(queue.table)
            yield (
                name,
                {
                    "FunctionName": name,
                    "EventSourceArn": stack.names.queue_arn(stack.names.queue(queue.table)),
                    "BatchSize": topology.MESSAGES_PER_CALL,
                    "FunctionResponseTypes": ["ReportBatchItemFailures"],
                    "Enabled": True,
                    **scaling,
                },
            )
        if topology.loads_on_manifest(stack.settings):
            load = stack.names.function("load")
            yield (
                load,
                {
                    "FunctionName": load,
                    "EventSourceArn": stack.names.queue_arn(stack.names.queue(LOAD_TRIGGER)),
                    "BatchSize": topology.TRIGGERS_PER_CALL,
                    "ScalingConfig": {"MaximumConcurrency": topology.LOADS_AT_ONCE},
                    "Enabled": True,
                },
            )

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        for name, request in Mappings.desired(stack):
            # AWS keeps what a request leaves out; an empty ScalingConfig removes the limit.
            yield name, {"ScalingConfig": {}} | without(request, "EventSourceArn")

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Keep one mapping per function and queue. AWS creates a second one for a repeated request: delete it."""
        found: dict[tuple[str, str], list[Json]] = {}
        for mapping in state.listed("mappings", "EventSourceMappings"):
            if mapping.get("State") == "Deleting":
                continue
            # The name ends with a version or alias, if the mapping has one.
            function = ":".join(mapping["FunctionArn"].split(":")[6:])
            mapping["Enabled"] = mapping.get("State") not in ("Disabling", "Disabled")
            mapping["ScalingConfig"] = mapping.get("ScalingConfig") or {}
            found.setdefault((function, mapping.get("EventSourceArn", "")), []).append(mapping)
        for name, desired in state.desired("mappings").items():
            first, *more = found.get((name, desired["EventSourceArn"]), [{}])
            if not first:
                yield "create", name, ""
            elif differing_keys({"ScalingConfig": {}} | without(desired, "FunctionName"), first):
                yield "update", name, first["UUID"]
            else:
                yield "ok", name, first["UUID"]
            yield from (("delete", name, extra["UUID"]) for extra in more)
        yield from _undesired_mappings(state, found)

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield the mappings of our functions, which may be deleted already, and of our queues."""
        tagged = inventory.ours("lambda", "event-source-mapping")
        for mapping in inventory.state.listed("mappings", "EventSourceMappings"):
            function, queue = mapping["FunctionArn"].split(":")[6], last(mapping.get("EventSourceArn", ""))
            is_ours = function in inventory.functions or queue in inventory.queues or mapping["UUID"] in tagged
            if is_ours and mapping["State"] != "Deleting":
                yield "mapping", function, mapping["UUID"]


class InvokeConfigs(ResourceKind):
    """How Lambda retries the invocations of schedules."""

    name = "invoke_configs"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in dict.fromkeys(schedule.function for schedule in stack.schedules):
            yield (
                function,
                {
                    "FunctionName": function,
                    "MaximumRetryAttempts": topology.INVOCATION_RETRIES,
                    "MaximumEventAgeInSeconds": topology.INVOCATION_MAX_AGE_S,
                },
            )

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        keys = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        return diff(only(state.desired("invoke_configs"), *keys), state.answers("invoke_configs"))


class Permissions(ResourceKind):
    """The permissions to invoke a function: of each rule for its function, and of the topic `alerts` for alert.

    Lambda itself reads the queues. The ARNs of rules and topics contain the account.
    """

    name = "permissions"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for schedule in stack.schedules:
            yield (
                f"{schedule.function}.{schedule.noun}",
                {
                    "FunctionName": schedule.function,
                    "StatementId": schedule.noun,
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    # No SourceAccount: EventBridge sends none, so a permission that requires one would refuse it.
                    "SourceArn": stack.names.rule_arn(schedule.name),
                },
            )
        alert = stack.names.function("alert")
        yield (
            f"{alert}.{ALERTS}",
            {
                "FunctionName": alert,
                "StatementId": ALERTS,
                "Action": "lambda:InvokeFunction",
                "Principal": "sns.amazonaws.com",
                "SourceArn": stack.names.topic_arn(ALERTS),
            },
        )

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return permission_differences(state.desired("permissions"), state.answers("permissions"))


class Rules(ResourceKind):
    """The schedules."""

    name = "rules"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for schedule in stack.schedules:
            rule = {"Name": schedule.name, "ScheduleExpression": schedule.expression}
            yield schedule.name, rule | {"State": "ENABLED", "Tags": stack.tag_list}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = {rule["Name"]: rule for rule in state.listed("rules", "Rules")}
        return diff(only(state.desired("rules"), "ScheduleExpression", "State"), actual)

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return inventory.named("rule", "rules", "Rules", "Name", inventory.ours("events", "rule", "rules"))


class RuleTargets(ResourceKind):
    """The function that each schedule invokes."""

    name = "rule_targets"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for schedule in stack.schedules:
            target = {"Id": "function", "Arn": stack.names.function_arn(schedule.function), "Input": schedule.event}
            yield schedule.name, {"Rule": schedule.name, "Targets": [target]}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare our target, which its Id identifies. A field that we did not send is a difference."""
        actual = {
            f"{name}.{target['Id']}": target
            for name, answer in state.answers("rule_targets").items()
            for target in answer.get("Targets", [])
        }
        desired = {
            f"{name}.{each['Targets'][0]['Id']}": each["Targets"][0]
            for name, each in state.desired("rule_targets").items()
        }
        for name, target in desired.items():
            target |= dict.fromkeys(actual.get(name, {}).keys() - target, "")
        return ((action, name.rpartition(".")[0], what) for action, name, what in diff(desired, actual))


def _undesired_mappings(state: StackState, found: dict[tuple[str, str], list[Json]]) -> Iterator[Difference]:
    """Yield the deletion of mappings of our queues to other functions, and of other queues to our functions."""
    desired = {(name, mapping["EventSourceArn"]) for name, mapping in state.desired("mappings").items()}
    queues, functions = state.desired("queues"), state.desired("functions")
    for (function, source), mappings in found.items():
        is_ours = source.rpartition(":")[2] in queues or function.partition(":")[0] in functions
        if is_ours and (function, source) not in desired:
            yield from (("delete", function, mapping["UUID"]) for mapping in mappings)
