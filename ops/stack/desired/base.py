"""What all requests are made from: settings, names, tags, functions."""

from collections.abc import Iterator
from typing import Any

from ops.stack import topology
from ops.stack.topology import Settings, Targets
from shared.names import Names

Request = dict[str, Any]
# Each by the name of what it is for.
Requests = Iterator[tuple[str, Request]]


class Base:
    def __init__(self, settings: Settings, targets: Targets) -> None:
        self.settings, self.targets = settings, targets
        self.names = Names(*(settings[n] for n in ("PROJECT", "STAGE", "AWS_REGION", "ACCOUNT_ID", "PARTITION")))
        self.tags = {"project": self.names.project, "stage": self.names.stage}
        # Plain HTTP is only spoken to an endpoint that offers nothing else.
        self.tls = not settings.get("AWS_ENDPOINT_URL", "").startswith("http:")
        # The emulator does not know the condition, and refuses every write for it.
        self.create_only = settings["CREATE_ONLY"] == "yes"
        self.all_functions = topology.functions(self.names, settings, targets)

    @property
    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def _schedules(self) -> tuple[topology.Schedule, ...]:
        return topology.schedules(self.names, self.settings)

    def _vpc(self) -> dict[str, list[str]]:
        subnets, groups = (self.settings.get(n, "") for n in ("SUBNET_IDS", "SECURITY_GROUP_IDS"))
        return {"SubnetIds": split(subnets), "SecurityGroupIds": split(groups)}


def split(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
