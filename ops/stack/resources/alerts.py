"""Alerts: the subscriptions of the topics `alerts` and `mail`, alarms, dashboard, budget."""

import json
from collections.abc import Iterator

from ops.stack import topology
from ops.stack.alarms import ALARMS, DIMENSIONS, Alarm
from ops.stack.dashboard import dashboard
from ops.stack.resources.base import (
    DesiredStack,
    Difference,
    Inventory,
    Json,
    Removals,
    Request,
    Requests,
    ResourceKind,
    StackState,
    diff,
    only,
    without,
)
from ops.stack.resources.queues import subscribers
from shared.names import ALERTS, MAIL


class AlertSubscriptions(ResourceKind):
    name = "alert_subscriptions"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        alert, address = stack.names.function("alert"), stack.settings["ALERT_EMAIL"]
        arn = stack.names.function_arn(alert)
        yield alert, {"TopicArn": stack.names.topic_arn(ALERTS), "Protocol": "lambda", "Endpoint": arn}
        if address:
            request = {"TopicArn": stack.names.topic_arn(MAIL), "Protocol": "email", "Endpoint": address}
            yield stack.names.topic(MAIL), request

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare with existing subscriptions. A pending one exists: the owner of the address must confirm it."""
        actual = {(topic, protocol, endpoint) for topic, _, protocol, endpoint in subscribers(state)}
        for name, desired in state.desired("alert_subscriptions").items():
            subscriber = desired["TopicArn"], desired["Protocol"], desired["Endpoint"]
            yield "ok" if subscriber in actual else "create", name, ""


class Alarms(ResourceKind):
    name = "alarms"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for alarm in ALARMS:
            name = stack.names(alarm.noun)
            yield name, {"AlarmName": name, **_alarm(stack, alarm), "Tags": stack.tag_list}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare without tags, which CloudWatch does not return and accepts only for a new alarm. It may also leave
        out an empty list of dimensions."""
        desired = {name: without(request, "Tags") for name, request in state.desired("alarms").items()}
        listed = state.listed("alarms", "MetricAlarms")
        return diff(desired, {alarm["AlarmName"]: {"Dimensions": [], **alarm} for alarm in listed})

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        ours = inventory.ours("cloudwatch", "alarm", "alarms")
        return inventory.named("alarm", "alarms", "MetricAlarms", "AlarmName", ours)


class Dashboards(ResourceKind):
    name = "dashboards"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        queues = [stack.names.queue(queue.table) for queue in topology.queues(stack.targets)]
        functions = [function.name for function in stack.all_functions if not function.table]
        transforms = [function.name for function in stack.all_functions if function.table]
        body = dashboard(stack.names, functions, transforms, queues)
        yield stack.names.prefix, {"DashboardName": stack.names.prefix, "DashboardBody": json.dumps(body)}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        actual = state.answer("dashboard")
        desired = only(state.desired("dashboards"), "DashboardBody")
        return diff(desired, {actual["DashboardName"]: actual} if actual else {})

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield the dashboard that has the stack's name; a dashboard has no tags."""
        if name := inventory.state.answer("dashboard").get("DashboardName"):
            yield "dashboard", name, name


class Budgets(ResourceKind):
    """The monthly budget. It has no tags, because an AWS CLI of 2023 cannot set them; its name identifies it."""

    name = "budgets"
    changes_name = "budget_changes"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        for name, change in Budgets.changes(stack):
            notifications = [
                {"Notification": request["Notification"], "Subscribers": request["Subscribers"]}
                for _, request in BudgetNotifications.desired(stack)
            ]
            account = {"AccountId": stack.names.account}
            yield name, {**account, "Budget": change["NewBudget"], "NotificationsWithSubscribers": notifications}

    @staticmethod
    def changes(stack: DesiredStack) -> Requests:
        if amount := stack.settings["MONTHLY_BUDGET_USD"]:
            name = stack.names(topology.BUDGET)
            limit = {"BudgetLimit": {"Amount": amount, "Unit": "USD"}}
            budget = {"BudgetName": name, **limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
            yield name, {"AccountId": stack.names.account, "NewBudget": budget}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        budget = state.answer("budget").get("Budget", {})
        actual = {budget["BudgetName"]: _in_numbers(budget)} if budget else {}
        changes = state.desired("budget_changes").items()
        desired = {name: _in_numbers(request["NewBudget"]) for name, request in changes}
        yield from diff(desired, actual)
        yield from (("delete", name, "") for name in actual if name not in desired)

    @staticmethod
    def removal(inventory: Inventory) -> Removals:
        """Yield the budget that has the stack's name; a budget has no tags."""
        if budget := inventory.state.answer("budget").get("Budget"):
            yield "budget", budget["BudgetName"], budget["BudgetName"]


class BudgetNotifications(ResourceKind):
    name = "budget_notifications"

    @staticmethod
    def desired(stack: DesiredStack) -> Requests:
        name = stack.names(topology.BUDGET)
        for kind, percentage in topology.BUDGET_NOTIFICATIONS:
            notification = {
                "NotificationType": kind,
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": percentage,
                "ThresholdType": "PERCENTAGE",
            }
            subscribers = [{"SubscriptionType": "SNS", "Address": stack.names.topic_arn(MAIL)}]
            request = {"BudgetName": name, "Notification": notification, "Subscribers": subscribers}
            yield f"{name}.{kind.lower()}", {"AccountId": stack.names.account, **request}

    @staticmethod
    def difference(state: StackState) -> Iterator[Difference]:
        """Compare types and percentages. Notifications of other percentages belong to others and stay.

        Subscribers are not read, which would take a call each: AWS deletes a notification with its last subscriber.
        """
        actual = [_key(each) for each in state.listed("budget_notifications", "Notifications")]
        for name, request in state.desired("budget_notifications").items():
            yield "ok" if _key(request["Notification"]) in actual else "create", name, ""


def _alarm(stack: DesiredStack, alarm: Alarm) -> Request:
    topics = [stack.names.topic_arn(alarm.topic)]
    dimension = {"Name": DIMENSIONS[alarm.namespace], "Value": stack.names(alarm.resource)} if alarm.namespace else None
    return {
        "AlarmDescription": alarm.message,
        "Namespace": alarm.namespace or stack.names.prefix,
        "MetricName": alarm.metric,
        "Dimensions": [dimension] if dimension else [],
        "Statistic": alarm.statistic,
        "Period": alarm.period_s,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.periods,
        "ComparisonOperator": alarm.comparison,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.missing_data,
        "ActionsEnabled": True,
        "AlarmActions": topics,
        "OKActions": topics,
    }


def _in_numbers(budget: Json) -> Json:
    """Return the budget with its limit as a number: AWS returns 10.0 where 10 was sent."""
    limit = budget.get("BudgetLimit", {})
    return budget | {"BudgetLimit": {"Amount": float(limit.get("Amount", 0)), "Unit": limit.get("Unit")}}


def _key(notification: Json) -> tuple[str, str, float]:
    return notification["NotificationType"], notification["ComparisonOperator"], float(notification["Threshold"])
