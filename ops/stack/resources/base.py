"""The base classes of the kinds of AWS resources, the desired and the actual state, and their comparison."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ops.stack import topology
from ops.stack.topology import Settings, Targets
from shared.names import Names

Request = dict[str, Any]
# Pairs of a resource's name and the request for it.
Requests = Iterator[tuple[str, Request]]
Json = dict[str, Any]
JsonByName = dict[str, Json]
# Action (`create`, `update`, `delete`, `stays` or `ok`), name, and the fields that differ or the id that a change
# needs.
Difference = tuple[str, str, str]
# The word for a resource in the lines of teardown.sh, its name, and the id by which it is deleted.
Removals = Iterator[tuple[str, str, str]]


class DesiredStack:
    """The input of all requests: settings, names, tags, functions."""

    def __init__(self, settings: Settings, targets: Targets) -> None:
        self.settings, self.targets = settings, targets
        self.names = Names(*(settings[n] for n in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))
        self.tags = {"project": self.names.project, "stage": self.names.stage}
        # Policies require TLS, except where AWS_ENDPOINT_URL itself is plain HTTP.
        self.tls = not settings.get("AWS_ENDPOINT_URL", "").startswith("http:")
        # The emulator does not support the condition and would refuse every write.
        self.create_only = settings["CREATE_ONLY"] == "yes"
        self.all_functions = topology.functions(self.names, settings, targets)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @property
    def schedules(self) -> tuple[topology.Schedule, ...]:
        return topology.schedules(self.names, self.settings)

    @property
    def vpc(self) -> dict[str, list[str]]:
        subnets, groups = (self.settings.get(n, "") for n in ("SUBNET_IDS", "SECURITY_GROUP_IDS"))
        return {"SubnetIds": _words(subnets), "SecurityGroupIds": _words(groups)}


class StackState:
    """The requests that deploy.sh has written into a folder, and AWS's answers in its subfolder `actual`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def desired(self, kind: str) -> JsonByName:
        return _folder(self.folder / kind)

    def answer(self, name: str) -> Json:
        """Return one answer of AWS, empty if it does not exist."""
        return _json(self.folder / "actual" / f"{name}.json")

    def lines(self, name: str) -> list[str]:
        path = self.folder / "actual" / name
        return path.read_text().splitlines() if path.exists() else []

    def answers(self, kind: str) -> JsonByName:
        """Return the answers for a kind whose resources are read one by one, without empty ones."""
        return {name: answer for name, answer in _folder(self.folder / "actual" / kind).items() if answer}

    def listed(self, name: str, key: str) -> list[Json]:
        return self.answer(name).get(key) or []

    def rewrite(self, kind: str, name: str, request: Request) -> None:
        """Replace a request by one that keeps the settings that others have made."""
        (self.folder / kind / f"{name}.json").write_text(json.dumps(request))


class ComparedKind:
    """A kind of resource: its name is that of its folder of requests and of the bash function ensure_NAME."""

    name: ClassVar[str]
    # The folder of the requests that change a resource, where they differ from those that create it.
    changes_name: ClassVar[str] = ""

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Yield the action that each resource needs; a resource that is as desired is `ok`."""
        yield from ()


class ResourceKind(ComparedKind):
    """A kind of resource of the stack. A kind overrides the methods that it needs; here they yield nothing."""

    # Only teardown.sh --with-data deletes kinds with data.
    is_data: ClassVar[bool] = False
    # A deploy deletes a table's resources of these kinds when no module declares the table any more.
    is_per_table: ClassVar[bool] = False

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        """Yield the request that creates each resource."""
        yield from ()

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        """Yield the requests that change each resource, where they differ from those that create it."""
        yield from ()

    @staticmethod
    def removal(inventory: "Inventory") -> Removals:
        """Yield each resource of the stack that exists, in the order in which they can be deleted."""
        yield from ()


# The kinds whose resources teardown.sh lists by their own service: service and type as in ARNs.
LISTED = {
    ("cloudwatch", "alarm"),
    ("events", "rule"),
    ("iam", "role"),
    ("lambda", "event-source-mapping"),
    ("lambda", "function"),
    ("logs", "log-group"),
    ("s3", ""),
    ("secretsmanager", "secret"),
    ("sns", ""),
    ("sqs", ""),
}
LOGS = "/aws/lambda/"


class Inventory:
    """The resources of a stack that exist, found by the names of the topology and by our two tags."""

    def __init__(self, state: StackState, project: str, stage: str) -> None:
        self.state, self.prefix = state, f"{project}-{stage}-"
        self._tags = {("project", project), ("stage", stage)}
        self.tagged = [each["ResourceARN"] for each in state.listed("tagged", "ResourceTagMappingList")]
        # A role has its function's name and is deleted last, so it still names the function after an interrupted
        # teardown.
        self.roles = {
            role["RoleName"]: role for role in state.listed("roles", "RoleDetailList") if self._is_our_role(role)
        }
        self.functions = self.ours("lambda", "function", "roles") | set(self.roles)
        self.topics = self.ours("sns", "", "topics")
        self.queues = self.ours("sqs", "", "queues", "dead_letter_queues")

    def ours(self, service: str, kind: str, *desired: str) -> set[str]:
        """Return the names of the desired resources of these kinds, and of the tagged resources."""
        known = {name for each in desired for name in self.state.desired(each)}
        return known | {name for *type_, name in map(arn_parts, self.tagged) if type_ == [service, kind]}

    def has_our_tags(self, resource: Json) -> bool:
        return self._tags <= {(tag["Key"], tag["Value"]) for tag in resource.get("Tags") or []}

    def named(self, word: str, answer: str, key: str, field: str, ours: set[str]) -> Removals:
        for resource in self.state.listed(answer, key):
            if last(resource[field]) in ours:
                yield word, last(resource[field]), resource[field]

    def has_subscription(self, topic: str, endpoint: str) -> bool:
        """Return whether a subscription is one of these resources, by the ARNs of its topic and endpoint."""
        return last(topic) in self.topics

    def _is_our_role(self, role: Json) -> bool:
        return role["RoleName"] in self.state.desired("roles") or self.has_our_tags(role)


def arn_parts(arn: str) -> tuple[str, str, str]:
    """Return service, type and name: events, rule and x for arn:…:events:eu-west-2:1:rule/x."""
    service, resource = arn.split(":", 5)[2::3]
    for separator in "/:":
        kind, _, name = resource.partition(separator)
        if name and (service, kind) in LISTED:
            return service, kind, name.removesuffix(":*")
    return service, "", resource


def last(arn: str) -> str:
    return arn.rpartition(":")[2]


def normal(value: Any) -> Any:
    """Return a form in which equal documents are equal: JSON in a string, lists in any order, one element or [one]."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return normal(json.loads(value))
    if isinstance(value, dict):
        # Sort the keys, because lists are sorted by the text of their elements.
        return {key: normal(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((normal(each) for each in value), key=repr) if len(value) != 1 else normal(value[0])
    return str(value)


def differing_keys(desired: Json, actual: Json) -> list[str]:
    return [key for key in desired if normal(desired[key]) != normal(actual.get(key, ""))]


def diff(desired: JsonByName, actual: JsonByName) -> Iterator[Difference]:
    """Compare only the fields of a request: fields that AWS adds are no difference."""
    for name, request in desired.items():
        if name not in actual:
            yield "create", name, ""
        elif fields := differing_keys(request, actual[name]):
            yield "update", name, ",".join(fields)
        else:
            yield "ok", name, ""


def only(resources: JsonByName, *keys: str) -> JsonByName:
    """Return each resource with these of its fields."""
    return {name: {key: each[key] for key in keys if key in each} for name, each in resources.items()}


def without(resource: Json, *keys: str) -> Json:
    return {key: value for key, value in resource.items() if key not in keys}


def _json(path: Path) -> Json:
    """Return an answer of AWS, which is an empty text where there is nothing to list."""
    text = path.read_text() if path.exists() else ""
    answer: Json = json.loads(text) if text.strip() else {}
    return answer


def _folder(path: Path) -> JsonByName:
    return {file.stem: _json(file) for file in sorted(path.glob("*.json"))}


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
