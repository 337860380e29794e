"""Lambda: the layer and the functions."""

from collections.abc import Iterator
from datetime import datetime

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
    only,
)
from ops.stack.resources.iam import roles
from ops.stack.topology import INGESTION

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
    is_per_table = True

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
