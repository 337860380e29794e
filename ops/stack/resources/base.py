"""The base of every kind of AWS resource: what a kind declares, what it is given, and how two states are compared."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from ops.stack import topology
from ops.stack.topology import Settings, Targets
from shared.names import Names

Request = dict[str, Any]
# Each with the name of the resource that it is for.
Requests = Iterator[tuple[str, Request]]
Thing = dict[str, Any]
Things = dict[str, Thing]
# Verdict (`create`, `update`, `delete`, `stays` or `ok`), name, and what differs or the id that a change needs.
Line = tuple[str, str, str]
# The word for a resource, its name, and the id that it is deleted by.
Found = Iterator[tuple[str, str, str]]


class DesiredStack:
    """What all requests are made from: settings, names, tags, functions."""

    def __init__(self, settings: Settings, targets: Targets) -> None:
        self.settings, self.targets = settings, targets
        self.names = Names(*(settings[n] for n in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))
        self.tags = {"project": self.names.project, "stage": self.names.stage}
        # Only an endpoint without TLS is called by plain HTTP.
        self.tls = not settings.get("AWS_ENDPOINT_URL", "").startswith("http:")
        # The emulator does not know the condition, and refuses every write because of it.
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
    """The requests that deploy.sh has written into a folder, and AWS's answers in its subfolder `have`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def desired(self, kind: str) -> Things:
        return _folder(self.folder / kind)

    def answer(self, name: str) -> Thing:
        """Return one answer of AWS, empty where there is none."""
        return _json(self.folder / "have" / f"{name}.json")

    def lines(self, name: str) -> list[str]:
        path = self.folder / "have" / name
        return path.read_text().splitlines() if path.exists() else []

    def answers(self, kind: str) -> Things:
        """Return the answers of a kind that is read one by one, without those that are empty."""
        return {name: thing for name, thing in _folder(self.folder / "have" / kind).items() if thing}

    def listed(self, name: str, key: str) -> list[Thing]:
        return self.answer(name).get(key) or []

    def rewrite(self, kind: str, name: str, request: Request) -> None:
        """Replace a request by one that keeps what others have put there."""
        (self.folder / kind / f"{name}.json").write_text(json.dumps(request))


class ComparedKind:
    """A kind of resource: its name is that of its folder of requests and of the bash function ensure_NAME."""

    name: ClassVar[str]
    # The folder of the requests that change a resource, where they differ from those that create it.
    changes_name: ClassVar[str] = ""

    @staticmethod
    def difference(state: StackState) -> Iterator[Line]:
        """Yield what must be done; every resource that is as desired is `ok`."""
        yield from ()


class Kind(ComparedKind):
    """A kind of resource of the stack. A method that a kind has no use for stays as it is here: empty."""

    # Kinds with data are only deleted by teardown.sh --with-data.
    is_data: ClassVar[bool] = False

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        """Yield the request that creates each resource."""
        yield from ()

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        """Yield the requests that change each resource, where they differ from those that create it."""
        yield from ()

    @staticmethod
    def removal(inventory: "Inventory") -> Found:
        """Yield each resource of the stack that exists, in the order in which they can be deleted."""
        yield from ()


# What teardown.sh reads from a service's own list, by service and type as ARNs have them.
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
        # A role has its function's name and is deleted last: it still names what a stopped teardown has left.
        self.roles = {
            role["RoleName"]: role for role in state.listed("roles", "RoleDetailList") if self._is_our_role(role)
        }
        self.functions = self.ours("lambda", "function", "roles") | set(self.roles)
        self.topics = self.ours("sns", "", "topics")
        self.queues = self.ours("sqs", "", "queues", "dead_letter_queues")

    def ours(self, service: str, kind: str, *desired: str) -> set[str]:
        """Return the names of the desired kinds, and of what is tagged."""
        known = {name for each in desired for name in self.state.desired(each)}
        return known | {name for *of, name in map(arn_parts, self.tagged) if of == [service, kind]}

    def has_our_tags(self, thing: Thing) -> bool:
        return self._tags <= {(tag["Key"], tag["Value"]) for tag in thing.get("Tags") or []}

    def named(self, word: str, answer: str, key: str, field: str, ours: set[str]) -> Found:
        for thing in self.state.listed(answer, key):
            if last(thing[field]) in ours:
                yield word, last(thing[field]), thing[field]

    def _is_our_role(self, role: Thing) -> bool:
        return role["RoleName"] in self.state.desired("roles") or self.has_our_tags(role)


def arn_parts(arn: str) -> tuple[str, str, str]:
    """Return service, type and name: of arn:…:events:eu-west-2:1:rule/x these are events, rule and x."""
    service, resource = arn.split(":", 5)[2::3]
    for separator in "/:":
        kind, _, name = resource.partition(separator)
        if name and (service, kind) in LISTED:
            return service, kind, name.removesuffix(":*")
    return service, "", resource


def last(arn: str) -> str:
    return arn.rpartition(":")[2]


def normal(value: Any) -> Any:
    """Return the same for everything that means the same: JSON in a string, a list in another order, one or [one]."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return normal(json.loads(value))
    if isinstance(value, dict):
        # Keys in one order, since lists are sorted by the text of their elements.
        return {key: normal(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return sorted((normal(each) for each in value), key=repr) if len(value) != 1 else normal(value[0])
    return str(value)


def differing_keys(desired: Thing, actual: Thing) -> list[str]:
    return [key for key in desired if normal(desired[key]) != normal(actual.get(key, ""))]


def diff(desired: Things, actual: Things) -> Iterator[Line]:
    """Compare only what a request asks for: what AWS adds by itself is no difference."""
    for name, thing in desired.items():
        if name not in actual:
            yield "create", name, ""
        elif differs := differing_keys(thing, actual[name]):
            yield "update", name, ",".join(differs)
        else:
            yield "ok", name, ""


def only(things: Things, *keys: str) -> Things:
    return {name: {key: thing[key] for key in keys if key in thing} for name, thing in things.items()}


def without(thing: Thing, *keys: str) -> Thing:
    return {key: value for key, value in thing.items() if key not in keys}


def _json(path: Path) -> Thing:
    """AWS answers nothing at all where there is nothing to list."""
    text = path.read_text() if path.exists() else ""
    answer: Thing = json.loads(text) if text.strip() else {}
    return answer


def _folder(path: Path) -> Things:
    return {file.stem: _json(file) for file in sorted(path.glob("*.json"))}


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
