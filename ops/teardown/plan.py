"""Says what there is of a stack: one line per thing, `delete WORD NAME ID` or `stays WORD NAME WHY`, with tabs.

    python -m ops.teardown.plan FOLDER yes|no

FOLDER/KIND/*.json are the wanted requests, which know the names; FOLDER/have/ holds AWS's answers; PROJECT and STAGE
come from the environment. The lines are in the order in which things can go, dependants first. Data, which are the
secrets and the buckets, go with `yes`.

A thing is ours when the topology knows its name or when it carries both our tags, so that what an older version made
goes too. It is there when its own service lists it: the tags' list still shows what went hours ago. That another
stage's name begins like ours means nothing.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.stack.actual.base import Thing
from ops.stack.actual.interfaces import interfaces_left
from ops.stack.actual.roles import has_network_rights
from ops.stack.verdicts import StackDifferences

# Word, name and what it is deleted by.
Found = Iterator[tuple[str, str, str]]
# What we look for in a service's own list, by service and type as ARNs have them; some only under our prefix.
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
LISTED_BY_PREFIX = {"cloudwatch", "events", "iam", "logs", "sqs"}
LOGS = "/aws/lambda/"
WAITS = "AWS takes its network interfaces away with it, in 20 to 40 minutes: run this again then"


def parts(arn: str) -> tuple[str, str, str]:
    """Service, type and name: of arn:…:events:eu-west-2:1:rule/x these are events, rule and x."""
    service, resource = arn.split(":", 5)[2::3]
    for separator in "/:":
        kind, _, name = resource.partition(separator)
        if name and (service, kind) in LISTED:
            return service, kind, name.removesuffix(":*")
    return service, "", resource


def last(arn: str) -> str:
    return arn.rpartition(":")[2]


class Removals:
    def __init__(self, folder: Path, project: str, stage: str) -> None:
        self._stack, self._prefix = StackDifferences(folder), f"{project}-{stage}-"
        self._tags = {("project", project), ("stage", stage)}
        self._tagged = [each["ResourceARN"] for each in self._list("tagged", "ResourceTagMappingList")]
        # A role bears its function's name and goes last: it still knows what a teardown that was stopped has left.
        self._roles = {
            role["RoleName"]: role for role in self._list("roles", "RoleDetailList") if self._is_our_role(role)
        }
        self._functions = self._ours("lambda", "function", "roles") | set(self._roles)
        self._waiting = self._roles_that_wait()
        self._topics = self._ours("sns", "", "topics")
        self._queues = self._ours("sqs", "", "queues", "dead_letter_queues")

    def code(self) -> Found:
        """What deploy.sh makes again."""
        yield from self._named("rule", "rules", "Rules", "Name", self._ours("events", "rule", "rules"))
        yield from self._alerts()
        yield from (("bell", bucket, bucket) for verdict, bucket, _ in self._stack.bells() if verdict == "update")
        yield from self._mappings()
        yield from self._subscriptions()
        yield from self._named("topic", "topics", "Topics", "TopicArn", self._topics)
        yield from self._named("function", "functions", "Functions", "FunctionName", self._functions)
        yield from self._layers()
        yield from self._queue_urls()
        yield from self._log_groups()
        yield from self._roles_with_policies()

    def data(self) -> Found:
        yield from self._secrets()
        yield from self._named("bucket", "buckets", "Buckets", "Name", self._ours("s3", "", "buckets"))

    def waiting_roles(self) -> Iterator[str]:
        """Those whose rights AWS still needs, to take network interfaces away once the functions are gone."""
        return (name for name in self._roles if name in self._waiting)

    def strangers(self) -> Iterator[tuple[str, str]]:
        """Service and ARN of what carries our tags and is nothing that any deploy makes."""
        for arn in self._tagged:
            service, kind, name = parts(arn)
            is_looked_for = service not in LISTED_BY_PREFIX or name.removeprefix(LOGS).startswith(self._prefix)
            if (service, kind) not in LISTED or not is_looked_for:
                yield service, arn

    def _list(self, answer: str, key: str) -> list[Thing]:
        return self._stack.have(answer).get(key) or []

    def _ours(self, service: str, kind: str, *wanted: str) -> set[str]:
        """Names: of the wanted kinds, and of what is tagged."""
        known = {name for each in wanted for name in self._stack.want(each)}
        return known | {name for *of, name in map(parts, self._tagged) if of == [service, kind]}

    def _bears_our_tags(self, thing: Thing) -> bool:
        return self._tags <= {(tag["Key"], tag["Value"]) for tag in thing.get("Tags") or []}

    def _is_our_role(self, role: Thing) -> bool:
        return role["RoleName"] in self._stack.want("roles") or self._bears_our_tags(role)

    def _roles_that_wait(self) -> set[str]:
        listed = self._list("interfaces", "NetworkInterfaces")
        left = [*interfaces_left(listed, self._functions, self._list("functions", "Functions"))]
        return {name for name, role in self._roles.items() if left and has_network_rights(role)}

    def _named(self, word: str, answer: str, key: str, field: str, ours: set[str]) -> Found:
        for thing in self._list(answer, key):
            if last(thing[field]) in ours:
                yield word, last(thing[field]), thing[field]

    def _alerts(self) -> Found:
        """Dashboard and budget bear no tags; each was asked for by its name."""
        alarms = self._ours("cloudwatch", "alarm", "alarms")
        for alarm in self._list("alarms", "MetricAlarms"):
            if alarm["AlarmName"] in alarms:
                yield "alarm", alarm["AlarmName"], alarm["AlarmName"]
        if dashboard := self._stack.have("dashboard").get("DashboardName"):
            yield "dashboard", dashboard, dashboard
        if budget := self._stack.have("budget").get("Budget"):
            yield "budget", budget["BudgetName"], budget["BudgetName"]

    def _mappings(self) -> Found:
        """Those of our functions, which may be gone, and those of our queues."""
        tagged = self._ours("lambda", "event-source-mapping")
        for mapping in self._list("mappings", "EventSourceMappings"):
            function, queue = mapping["FunctionArn"].split(":")[6], last(mapping.get("EventSourceArn", ""))
            is_ours = function in self._functions or queue in self._queues or mapping["UUID"] in tagged
            if is_ours and mapping["State"] != "Deleting":
                yield "mapping", function, mapping["UUID"]

    def _subscriptions(self) -> Found:
        """A topic takes them with it only after a while. One that nobody has confirmed has no ARN yet."""
        for each in self._list("subscriptions", "Subscriptions"):
            if last(each["TopicArn"]) in self._topics and each["SubscriptionArn"].startswith("arn:"):
                yield "subscription", last(each["Endpoint"]), each["SubscriptionArn"]

    def _layers(self) -> Found:
        for version in self._list("layers", "LayerVersions"):
            name = ":".join(version["LayerVersionArn"].split(":")[6:])
            yield "layer", name, name

    def _queue_urls(self) -> Found:
        """A queue goes before the one that takes its dead letters."""
        urls = {url.rpartition("/")[2]: url for url in self._stack.have("queues").get("QueueUrls") or []}
        for name in sorted(self._queues & set(urls), key=lambda name: (name.endswith("-dlq"), name)):
            yield "queue", name, urls[name]

    def _log_groups(self) -> Found:
        ours = self._ours("logs", "log-group") | {LOGS + name for name in self._functions}
        for group in self._list("log_groups", "logGroups"):
            if group["logGroupName"] in ours:
                yield "log group", group["logGroupName"], group["logGroupName"]

    def _roles_with_policies(self) -> Found:
        for name, role in self._roles.items():
            if name in self._waiting:
                continue
            for policy in role.get("RolePolicyList", []):
                yield "role policy", name, f"{name}/{policy['PolicyName']}"
            for policy in role.get("AttachedManagedPolicies", []):
                yield "attached policy", name, f"{name}/{policy['PolicyArn']}"
            yield "role", name, name

    def _secrets(self) -> Found:
        """By tag alone, since stages may share a secret: it is its maker's. The list lags behind by minutes, the
        answers for the names in the settings do not."""
        asked = self._stack.each("secrets").values()
        names = {secret["Name"] for secret in self._stack.want("secrets").values()}
        listed = [secret for secret in self._list("secrets", "SecretList") if secret["Name"] not in names]
        for secret in (*asked, *listed):
            if self._bears_our_tags(secret):
                yield "secret", secret["Name"], secret["ARN"]


def lines(removals: Removals, with_data: bool) -> Iterator[tuple[str, str, str, str]]:
    for word, name, by in removals.code():
        yield "delete", word, name, by
    for name in removals.waiting_roles():
        yield "stays", "role", name, WAITS
    for word, name, by in removals.data():
        yield ("delete", word, name, by) if with_data else ("stays", word, name, "until --with-data")
    for service, arn in removals.strangers():
        yield "stays", service, arn, "made by someone else: delete it by hand"


def main() -> None:
    folder, with_data = sys.argv[1:]
    removals = Removals(Path(folder), os.environ["PROJECT"], os.environ["STAGE"])
    for line in lines(removals, with_data == "yes"):
        print("\t".join(line))


if __name__ == "__main__":
    main()
