"""Who hears of what is wrong, alarms, dashboard, budget."""

from collections.abc import Iterator

from ops.stack.actual.base import Answers, Line, Thing, judged, only


class AlertDifferences(Answers):
    def alert_subscriptions(self) -> Iterator[Line]:
        """One that is pending waits for a click of the person whose address it is: it is there."""
        there = {(topic, protocol, endpoint) for topic, _, protocol, endpoint in self.listeners()}
        for name, want in self.want("alert_subscriptions").items():
            listener = want["TopicArn"], want["Protocol"], want["Endpoint"]
            yield "ok" if listener in there else "create", name, ""

    def listeners(self) -> Iterator[tuple[str, str, str, str]]:
        """Topic, ARN, protocol and endpoint of each subscription; one that is going has something else for an ARN."""
        for line in self.lines("subscriptions.txt"):
            topic, *words = line.split("\t", 3)
            if words and (words[0].startswith("arn:") or words[0] == "PendingConfirmation"):
                arn, protocol, endpoint = words
                yield topic, arn, protocol, endpoint

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
