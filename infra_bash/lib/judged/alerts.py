"""Who hears of what is wrong, alarms, dashboard, budget."""

from collections.abc import Iterator

from infra_bash.lib.judged.base import Answers, Line, Thing, judged, only
from shared.names import MAIL


class Alerts(Answers):
    def alert_subscriptions(self) -> Iterator[Line]:
        """One that is pending waits for a click of the person whose address it is: it is there, and cannot go. Our
        topic `mail` writes to our address alone; whoever else listens in another way is left in peace."""
        there = {(topic, protocol, endpoint): arn for topic, arn, protocol, endpoint in self._listeners()}
        wanted = set()
        for name, want in self.want("alert_subscriptions").items():
            listener = want["TopicArn"], want["Protocol"], want["Endpoint"]
            wanted.add(listener)
            yield "ok" if listener in there else "create", name, ""
        for (topic, protocol, endpoint), arn in there.items():
            name = topic.rpartition(":")[2]
            is_ours = name in self.want("topics") and name.endswith(f"-{MAIL}") and protocol == "email"
            if is_ours and (topic, protocol, endpoint) not in wanted and arn.startswith("arn:"):
                yield "delete", name, arn

    def _listeners(self) -> Iterator[list[str]]:
        """Topic, ARN, protocol and endpoint; one that is going has something else for an ARN."""
        for line in self.lines("subscriptions.txt"):
            words = line.split()
            if words[1].startswith("arn:") or words[1] == "PendingConfirmation":
                yield words

    def alarms(self) -> Iterator[Line]:
        """CloudWatch tells no tags here, and takes them for a new one alone. It may leave out an empty list."""
        want = {
            name: {key: value for key, value in request.items() if key != "Tags"}
            for name, request in self.want("alarms").items()
        }
        listed = self.have("alarms").get("MetricAlarms", [])
        return judged(want, {alarm["AlarmName"]: {"Dimensions": [], **alarm} for alarm in listed})

    def dashboards(self) -> Iterator[Line]:
        have = self.have("dashboard")
        return judged(only(self.want("dashboards"), "DashboardBody"), {have["DashboardName"]: have} if have else {})

    def budgets(self) -> Iterator[Line]:
        have = self.have("budget").get("Budget", {})
        there = {have["BudgetName"]: _in_numbers(have)} if have else {}
        want = {name: _in_numbers(request["NewBudget"]) for name, request in self.want("budget_changes").items()}
        yield from judged(want, there)
        yield from (("delete", name, "") for name in there if name not in want)

    def budget_notifications(self) -> Iterator[Line]:
        """Known by what they say; a person's own, of another percentage, stay. Who hears them is not read, which
        would take a call for each: with its last listener a notification goes."""
        have = [_noticed(each) for each in self.have("budget_notifications").get("Notifications", [])]
        for name, request in self.want("budget_notifications").items():
            yield "ok" if _noticed(request["Notification"]) in have else "create", name, ""


def _in_numbers(budget: Thing) -> Thing:
    """AWS answers 10.0 where it was told 10."""
    limit = budget.get("BudgetLimit", {})
    return budget | {"BudgetLimit": {"Amount": float(limit.get("Amount", 0)), "Unit": limit.get("Unit")}}


def _noticed(notification: Thing) -> tuple[str, str, float]:
    return notification["NotificationType"], notification["ComparisonOperator"], float(notification["Threshold"])
