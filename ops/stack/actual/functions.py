"""Lambda and EventBridge."""

from collections.abc import Iterator
from datetime import datetime

from ops.stack.actual.base import Line, Thing, Things, differences, judged, only
from ops.stack.actual.permissions import judged_permissions
from ops.stack.actual.roles import RoleDifferences

ROLE_ANEW = "Role made anew"


class FunctionDifferences(RoleDifferences):
    def _functions(self) -> Things:
        have = {}
        for function in self.have("functions").get("Functions", []):
            vpc = function.get("VpcConfig") or {}
            function["VpcConfig"] = {key: vpc.get(key, []) for key in ("SubnetIds", "SecurityGroupIds")}
            function["Layers"] = [layer["Arn"] for layer in function.get("Layers") or []]
            function["Environment"] = {"Variables": function.get("Environment", {}).get("Variables", {})}
            have[function["FunctionName"]] = function
        return have

    def functions(self) -> Iterator[Line]:
        """What is to be created. What is there is compared by its configuration and its code."""
        return judged(only(self.want("functions"), "FunctionName"), self._functions())

    def function_configurations(self) -> Iterator[Line]:
        roles, functions = self._roles(), self._functions()
        for verdict, name, what in self._of_existing(self.want("function_configurations")):
            if _is_newer(roles.get(name), functions[name]):
                yield "update", name, ",".join(filter(None, (what, ROLE_ANEW)))
            else:
                yield verdict, name, what

    def function_codes(self) -> Iterator[Line]:
        sha256 = (self.folder / "code.sha256").read_text().strip()
        codes = {
            name: {"CodeSha256": sha256, "Architectures": thing["Architectures"]}
            for name, thing in self.want("function_codes").items()
        }
        return self._of_existing(codes)

    def _of_existing(self, want: Things) -> Iterator[Line]:
        """A function is created whole. Extract comes last: what the next version reads is for its own transforms."""
        have = self._functions()
        names = sorted(want, key=lambda name: name.endswith("-extract"))
        return judged({name: want[name] for name in names if name in have}, have)

    def mappings(self) -> Iterator[Line]:
        """One mapping per function and queue: AWS makes a second one when asked, so what is too much goes."""
        found: dict[tuple[str, str], list[Thing]] = {}
        for mapping in self.have("mappings").get("EventSourceMappings", []):
            if mapping.get("State") == "Deleting":
                continue
            # With its version or alias, where it is of one.
            function = ":".join(mapping["FunctionArn"].split(":")[6:])
            mapping["Enabled"] = mapping.get("State") not in ("Disabling", "Disabled")
            mapping["ScalingConfig"] = mapping.get("ScalingConfig") or {}
            found.setdefault((function, mapping.get("EventSourceArn", "")), []).append(mapping)
        for name, want in self.want("mappings").items():
            first, *more = found.get((name, want["EventSourceArn"]), [{}])
            if not first:
                yield "create", name, ""
            elif differences({"ScalingConfig": {}} | {k: v for k, v in want.items() if k != "FunctionName"}, first):
                yield "update", name, first["UUID"]
            else:
                yield "ok", name, first["UUID"]
            yield from (("delete", name, extra["UUID"]) for extra in more)
        yield from self._unwanted_mappings(found)

    def _unwanted_mappings(self, found: dict[tuple[str, str], list[Thing]]) -> Iterator[Line]:
        """Our queues are read by nobody but who should, and our functions by nothing else."""
        wanted = {(name, want["EventSourceArn"]) for name, want in self.want("mappings").items()}
        queues, functions = self.want("queues"), self.want("functions")
        for (function, source), mappings in found.items():
            is_ours = source.rpartition(":")[2] in queues or function.partition(":")[0] in functions
            if is_ours and (function, source) not in wanted:
                yield from (("delete", function, mapping["UUID"]) for mapping in mappings)

    def rules(self) -> Iterator[Line]:
        have = {rule["Name"]: rule for rule in self.have("rules").get("Rules", [])}
        return judged(only(self.want("rules"), "ScheduleExpression", "State"), have)

    def rule_targets(self) -> Iterator[Line]:
        """Ours is known by its Id, and has nothing more than we give it."""
        have = {
            f"{name}.{target['Id']}": target
            for name, answer in self.each("rule_targets").items()
            for target in answer.get("Targets", [])
        }
        want = {
            f"{name}.{each['Targets'][0]['Id']}": each["Targets"][0] for name, each in self.want("rule_targets").items()
        }
        for name, target in want.items():
            target |= dict.fromkeys(have.get(name, {}).keys() - target, "")
        return ((verdict, name.rpartition(".")[0], what) for verdict, name, what in judged(want, have))

    def tick_configs(self) -> Iterator[Line]:
        keys = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        return judged(only(self.want("tick_configs"), *keys), self.each("tick_configs"))

    def permissions(self) -> Iterator[Line]:
        return judged_permissions(self.want("permissions"), self.each("permissions"))


def _is_newer(role: Thing | None, function: Thing) -> bool:
    """Whether the role was made after the function was last changed, which then holds the id of one that was deleted.
    A role that was not there when roles were read has been made since."""
    if role is None:
        return True
    return datetime.fromisoformat(role["CreateDate"]) > datetime.fromisoformat(function["LastModified"])
