"""Compares what is wanted with what is there: one line per thing, `create|update|ok|delete NAME WHAT`.

    python -m infra_bash.lib.verdicts FOLDER KIND

FOLDER/KIND/*.json are the wanted requests, FOLDER/have/ holds AWS's answers: one file per bulk read, one
folder per kind that can only be read one by one. WHAT is what differs, or the id of what is to be changed.
Only what a request asks for is compared: what AWS adds by itself is no difference.
"""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Thing = dict[str, Any]
Things = dict[str, Thing]
Line = tuple[str, str, str]
ROLE_ANEW = "Role made anew"


def normal(value: Any) -> Any:
    """The same for everything that means the same: JSON in a string, a list in another order, one or [one]."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return normal(json.loads(value))
    if isinstance(value, dict):
        return {key: normal(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((normal(each) for each in value), key=repr) if len(value) != 1 else normal(value[0])
    return str(value)


def differences(want: Thing, have: Thing) -> list[str]:
    return [key for key in want if normal(want[key]) != normal(have.get(key, ""))]


def judged(want: Things, have: Things) -> Iterator[Line]:
    for name, thing in want.items():
        if name not in have:
            yield "create", name, ""
        elif differs := differences(thing, have[name]):
            yield "update", name, ",".join(differs)
        else:
            yield "ok", name, ""


def _json(path: Path) -> Thing:
    """AWS answers nothing at all where there is nothing to say."""
    text = path.read_text() if path.exists() else ""
    answer: Thing = json.loads(text) if text.strip() else {}
    return answer


def _folder(path: Path) -> Things:
    return {file.stem: _json(file) for file in sorted(path.glob("*.json"))}


def _only(things: Things, *keys: str) -> Things:
    return {name: {key: thing[key] for key in keys if key in thing} for name, thing in things.items()}


class Stack:
    """What is wanted and what is there, per kind, in comparable words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def want(self, kind: str) -> Things:
        return _folder(self.folder / kind)

    def have(self, answer: str) -> Thing:
        return _json(self.folder / "have" / f"{answer}.json")

    def lines(self, answer: str) -> list[str]:
        path = self.folder / "have" / answer
        return path.read_text().splitlines() if path.exists() else []

    def each(self, kind: str) -> Things:
        return {name: thing for name, thing in _folder(self.folder / "have" / kind).items() if thing}

    def _attributes(self, kind: str, answers: str) -> Iterator[Line]:
        want = {name: thing["Attributes"] for name, thing in self.want(kind).items()}
        return judged(want, {name: thing["Attributes"] for name, thing in self.each(answers).items()})

    def topics(self) -> Iterator[Line]:
        return self._attributes("topics", "topics")

    def dead_letter_queues(self) -> Iterator[Line]:
        return self._attributes("dead_letter_queues", "queues")

    def queues(self) -> Iterator[Line]:
        return self._attributes("queues", "queues")

    def subscriptions(self) -> Iterator[Line]:
        return self._attributes("subscriptions", "subscriptions")

    def _roles(self) -> Things:
        return {role["RoleName"]: role for role in self.have("roles").get("RoleDetailList", [])}

    def roles(self) -> Iterator[Line]:
        return judged(_only(self.want("roles"), "AssumeRolePolicyDocument"), self._roles())

    def role_policies(self) -> Iterator[Line]:
        have = {
            name: policy
            for name, role in self._roles().items()
            for policy in role.get("RolePolicyList", [])
            if policy["PolicyName"] == "rights"
        }
        return judged(_only(self.want("role_policies"), "PolicyDocument"), have)

    def attached_policies(self) -> Iterator[Line]:
        have = {
            name: policy for name, role in self._roles().items() for policy in role.get("AttachedManagedPolicies", [])
        }
        return judged(_only(self.want("attached_policies"), "PolicyArn"), have)

    def _log_groups(self) -> Things:
        groups = self.have("log_groups").get("logGroups", [])
        return {group["logGroupName"].rpartition("/")[2]: group for group in groups}

    def log_groups(self) -> Iterator[Line]:
        return judged(_only(self.want("log_groups"), "logGroupName"), self._log_groups())

    def log_retentions(self) -> Iterator[Line]:
        return judged(_only(self.want("log_retentions"), "retentionInDays"), self._log_groups())

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
        return judged(_only(self.want("functions"), "FunctionName"), self._functions())

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
            function = mapping["FunctionArn"].rpartition(":")[2]
            mapping["Enabled"] = mapping.get("State") not in ("Disabling", "Disabled")
            found.setdefault((function, mapping.get("EventSourceArn", "")), []).append(mapping)
        for name, want in self.want("mappings").items():
            first, *more = found.get((name, want["EventSourceArn"]), [{}])
            if not first:
                yield "create", name, ""
            elif differences({k: v for k, v in want.items() if k != "FunctionName"}, first):
                yield "update", name, first["UUID"]
            else:
                yield "ok", name, first["UUID"]
            yield from (("delete", name, extra["UUID"]) for extra in more)
        yield from self._unwanted_mappings(found)

    def _unwanted_mappings(self, found: dict[tuple[str, str], list[Thing]]) -> Iterator[Line]:
        """Our queues are read by nobody but who should."""
        wanted = {(name, want["EventSourceArn"]) for name, want in self.want("mappings").items()}
        queues = self.want("queues")
        for (function, source), mappings in found.items():
            if source.rpartition(":")[2] in queues and (function, source) not in wanted:
                yield from (("delete", function, mapping["UUID"]) for mapping in mappings)

    def rules(self) -> Iterator[Line]:
        have = {rule["Name"]: rule for rule in self.have("rules").get("Rules", [])}
        return judged(_only(self.want("rules"), "ScheduleExpression", "State"), have)

    def rule_targets(self) -> Iterator[Line]:
        """Ours is known by its Id. What else somebody has a rule start is theirs."""
        have = {
            f"{name}.{target['Id']}": target
            for name, answer in self.each("rule_targets").items()
            for target in answer.get("Targets", [])
        }
        want = {
            f"{name}.{each['Targets'][0]['Id']}": each["Targets"][0] for name, each in self.want("rule_targets").items()
        }
        return ((verdict, name.rpartition(".")[0], what) for verdict, name, what in judged(want, have))

    def tick_configs(self) -> Iterator[Line]:
        keys = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
        return judged(_only(self.want("tick_configs"), *keys), self.each("tick_configs"))

    def permissions(self) -> Iterator[Line]:
        """By StatementId only: AWS writes a permission in words of its own. S3 once rang the loader itself."""
        have = {}
        for function, answer in self.each("permissions").items():
            for statement in json.loads(answer["Policy"]).get("Statement", []):
                have[f"{function}.{statement['Sid']}"] = {"StatementId": statement["Sid"]}
        yield from judged(_only(self.want("permissions"), "StatementId"), have)
        yield from (("delete", name, "") for name in have if name.endswith(".bell"))

    def bells(self) -> Iterator[Line]:
        """The whole document is put, so what others have written there is written again; and its file with it."""
        for name, want in self.want("bells").items():
            have = self.each("bells").get(name, {})
            yield from self._bell(name, want, {k: v for k, v in have.items() if k != "ResponseMetadata"})

    def _bell(self, bucket: str, want: Thing, have: Thing) -> Iterator[Line]:
        """Ours is known by its Id, also where it once was: S3 rang the loader itself."""
        document = {key: _not_ours(value) if isinstance(value, list) else value for key, value in have.items()}
        for key, ours in want.items():
            document[key] = document.get(key, []) + ours
        document = {key: value for key, value in document.items() if value != []}
        if normal_bells(document) == normal_bells(have):
            yield "ok", bucket, ""
            return
        request = {"Bucket": bucket, "NotificationConfiguration": document}
        (self.folder / "bells" / f"{bucket}.json").write_text(json.dumps(request))
        yield "update", bucket, ",".join(want)

    def buckets(self) -> Iterator[Line]:
        have = {bucket["Name"]: {"Bucket": bucket["Name"]} for bucket in self.have("buckets").get("Buckets", [])}
        return judged(_only(self.want("buckets"), "Bucket"), have)

    def bucket_parts(self) -> Iterator[Line]:
        want = {
            name: {key: value for key, value in part.items() if key != "Bucket"}
            for name, part in self.want("bucket_parts").items()
        }
        return judged(want, {name: _as_put(thing) for name, thing in self.each("bucket_parts").items()})


def _is_newer(role: Thing | None, function: Thing) -> bool:
    """Whether the role was made after the function was last changed, which then holds the id of one that was deleted.
    A role that was not there when roles were read has been made since."""
    if role is None:
        return True
    return datetime.fromisoformat(role["CreateDate"]) > datetime.fromisoformat(function["LastModified"])


def _as_put(answer: Thing) -> Thing:
    """S3 answers some parts in other words than it is told them."""
    if "TagSet" in answer:
        return {"Tagging": {"TagSet": answer["TagSet"]}}
    if "Status" in answer:
        return {"VersioningConfiguration": {"Status": answer["Status"]}}
    encryption = "ServerSideEncryptionConfiguration"
    default = "ApplyServerSideEncryptionByDefault"
    if encryption in answer:
        return {encryption: {"Rules": [{default: rule.get(default)} for rule in answer[encryption]["Rules"]]}}
    return answer


def _not_ours(configurations: list[Thing]) -> list[Thing]:
    return [each for each in configurations if not each["Id"].endswith("-bell")]


def normal_bells(document: Thing) -> Any:
    """S3 answers `Prefix` where it was told `prefix`."""
    return normal(json.loads(json.dumps(document).replace('"Prefix"', '"prefix"')))


def main() -> None:
    folder, kind = sys.argv[1:]
    judge: Callable[[], Iterator[Line]] = getattr(Stack(Path(folder)), kind)
    for verdict, name, what in judge():
        print(f"{verdict}\t{name}\t{what}")


if __name__ == "__main__":
    main()
