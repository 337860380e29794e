"""Lambda: the layer and the functions."""

from collections.abc import Iterator
from datetime import datetime

from ops.stack import topology
from ops.stack.resources.base import (
    DesiredStack,
    Difference,
    Inventory,
    Json,
    JsonByName,
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
from ops.stack.resources.iam import roles
from ops.stack.resources.permissions import permission_differences
from ops.stack.topology import INGESTION, LOAD_TRIGGER
from shared.names import ALERTS

# The detail in the line of a function whose role was recreated; infra_bash/aws/lambda.sh reads it.
ROLE_RECREATED = "RoleRecreated"


class Layers(ResourceKind):
    """The versions of the layer. The step `upload` of a deploy publishes them before the functions are compared."""

    name = "layers"

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        for version in inventory.state.listed("layers", "LayerVersions"):
            name = ":".join(version["LayerVersionArn"].split(":")[6:])
            yield "layer", name, name


class FunctionCodes(ResourceKind):
    """The code of the functions that exist; a function is created with its code."""

    name = "function_codes"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in stack.all_functions:
            yield function.name, {"FunctionName": function.name} | _code(stack) | _architecture(stack)

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        sha256 = (state.folder / "code.sha256").read_text().strip()
        codes = {
            name: {"CodeSha256": sha256, "Architectures": thing["Architectures"]}
            for name, thing in state.desired("function_codes").items()
        }
        return _of_existing(state, codes)


class FunctionConfigurations(ResourceKind):
    """The configuration of the functions that exist; a function is created with its configuration."""

    name = "function_configurations"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for function in stack.all_functions:
            yield (
                function.name,
                {
                    "FunctionName": function.name,
                    "Runtime": f"python{stack.settings['LAMBDA_PYTHON']}",
                    "Handler": function.handler,
                    "Role": stack.names.role_arn(function.name),
                    "MemorySize": function.memory_mb,
                    "Timeout": function.timeout_s,
                    "Environment": {"Variables": dict(function.environment)},
                    "Layers": [stack.settings["LAYER_ARN"]],
                    "VpcConfig": stack.vpc if function.private else {"SubnetIds": [], "SecurityGroupIds": []},
                },
            )

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        existing_roles, existing = roles(state), _functions(state)
        for action, name, what in _of_existing(state, state.desired("function_configurations")):
            if _is_newer(existing_roles.get(name), existing[name]):
                yield "update", name, ",".join(filter(None, (what, ROLE_RECREATED)))
            else:
                yield action, name, what


class FunctionResources(ResourceKind):
    """The functions that do not exist yet. FunctionCodes and FunctionConfigurations compare those that do."""

    name = "functions"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        code = {"Code": _code(stack), "Tags": stack.tags}
        for name, configuration in FunctionConfigurations.desired(stack):
            yield name, configuration | _architecture(stack) | code

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        return diff(only(state.desired("functions"), "FunctionName"), _functions(state))

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        return inventory.named("function", "functions", "Functions", "FunctionName", inventory.functions)


class Mappings(ResourceKind):
    """The event source mappings: which queue invokes which function."""

    name = "mappings"
    changes_name = "mapping_changes"

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


def _code(stack: DesiredStack) -> dict[str, str]:
    return {"S3Bucket": stack.names.bucket(INGESTION), "S3Key": stack.settings["CODE_KEY"]}


def _architecture(stack: DesiredStack) -> dict[str, list[str]]:
    return {"Architectures": [stack.settings["LAMBDA_ARCH"]]}


def _functions(state: StackState) -> JsonByName:
    actual = {}
    for function in state.listed("functions", "Functions"):
        vpc = function.get("VpcConfig") or {}
        function["VpcConfig"] = {key: vpc.get(key, []) for key in ("SubnetIds", "SecurityGroupIds")}
        function["Layers"] = [layer["Arn"] for layer in function.get("Layers") or []]
        function["Environment"] = {"Variables": function.get("Environment", {}).get("Variables", {})}
        actual[function["FunctionName"]] = function
    return actual


def _of_existing(state: StackState, desired: JsonByName) -> Iterator[Difference]:
    """Compare the functions that exist. Extract comes last: its next version writes what only the next version of the
    transforms reads."""
    actual = _functions(state)
    names = sorted(desired, key=lambda name: name.endswith("-extract"))
    return diff({name: desired[name] for name in names if name in actual}, actual)


def _is_newer(role: Json | None, function: Json) -> bool:
    """Return whether the role was created after the last change of the function, which then has the id of a deleted
    role. A role that did not exist when roles were read has been created since then."""
    if role is None:
        return True
    return datetime.fromisoformat(role["CreateDate"]) > datetime.fromisoformat(function["LastModified"])


def _undesired_mappings(state: StackState, found: dict[tuple[str, str], list[Json]]) -> Iterator[Difference]:
    """Yield the deletion of mappings of our queues to other functions, and of other queues to our functions."""
    desired = {(name, mapping["EventSourceArn"]) for name, mapping in state.desired("mappings").items()}
    queues, functions = state.desired("queues"), state.desired("functions")
    for (function, source), mappings in found.items():
        is_ours = source.rpartition(":")[2] in queues or function.partition(":")[0] in functions
        if is_ours and (function, source) not in desired:
            yield from (("delete", function, mapping["UUID"]) for mapping in mappings)
