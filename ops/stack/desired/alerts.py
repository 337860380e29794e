"""Who hears of what is wrong: what the topics `alerts` and `mail` tell whom, alarms, dashboard, budget."""

import json

from ops.stack import topology
from ops.stack.alarms import ALARMS, DIMENSIONS, Alarm
from ops.stack.dashboard import dashboard
from ops.stack.desired.base import Base, Request, Requests
from shared.names import ALERTS, MAIL


class DesiredAlerts(Base):
    def alert_subscriptions(self) -> Requests:
        alert, address = self.names.function("alert"), self.settings["ALERT_EMAIL"]
        yield (
            alert,
            {
                "TopicArn": self.names.topic_arn(ALERTS),
                "Protocol": "lambda",
                "Endpoint": self.names.function_arn(alert),
            },
        )
        if address:
            request = {"TopicArn": self.names.topic_arn(MAIL), "Protocol": "email", "Endpoint": address}
            yield self.names.topic(MAIL), request

    def alarms(self) -> Requests:
        for alarm in ALARMS:
            name = self.names(alarm.noun)
            yield name, {"AlarmName": name, **self._alarm(alarm), "Tags": self.tag_list}

    def _alarm(self, alarm: Alarm) -> Request:
        hears = [self.names.topic_arn(alarm.topic)]
        dimension = {"Name": DIMENSIONS[alarm.namespace], "Value": self.names(alarm.thing)} if alarm.namespace else None
        return {
            "AlarmDescription": alarm.says,
            "Namespace": alarm.namespace or self.names.prefix,
            "MetricName": alarm.metric,
            "Dimensions": [dimension] if dimension else [],
            "Statistic": alarm.statistic,
            "Period": alarm.period_s,
            "EvaluationPeriods": alarm.periods,
            "DatapointsToAlarm": alarm.periods,
            "ComparisonOperator": alarm.comparison,
            "Threshold": alarm.threshold,
            "TreatMissingData": alarm.missing,
            "ActionsEnabled": True,
            "AlarmActions": hears,
            "OKActions": hears,
        }

    def dashboards(self) -> Requests:
        queues = [self.names.queue(queue.table) for queue in topology.queues(self.targets)]
        functions = [function.name for function in self.all_functions if not function.table]
        transforms = [function.name for function in self.all_functions if function.table]
        body = dashboard(self.names, functions, transforms, queues)
        yield self.names.prefix, {"DashboardName": self.names.prefix, "DashboardBody": json.dumps(body)}

    def budgets(self) -> Requests:
        """Not tagged: an AWS CLI of 2023 does not know how, and its name is enough."""
        for name, change in self.budget_changes():
            notifications = [
                {"Notification": request["Notification"], "Subscribers": request["Subscribers"]}
                for _, request in self.budget_notifications()
            ]
            account = {"AccountId": self.names.account}
            yield name, {**account, "Budget": change["NewBudget"], "NotificationsWithSubscribers": notifications}

    def budget_changes(self) -> Requests:
        if amount := self.settings["MONTHLY_BUDGET_USD"]:
            name = self.names(topology.BUDGET)
            limit = {"BudgetLimit": {"Amount": amount, "Unit": "USD"}}
            budget = {"BudgetName": name, **limit, "TimeUnit": "MONTHLY", "BudgetType": "COST"}
            yield name, {"AccountId": self.names.account, "NewBudget": budget}

    def budget_notifications(self) -> Requests:
        name = self.names(topology.BUDGET)
        for kind, percentage in topology.BUDGET_NOTICES:
            notification = {
                "NotificationType": kind,
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": percentage,
                "ThresholdType": "PERCENTAGE",
            }
            hears = [{"SubscriptionType": "SNS", "Address": self.names.topic_arn(MAIL)}]
            request = {"BudgetName": name, "Notification": notification, "Subscribers": hears}
            yield f"{name}.{kind.lower()}", {"AccountId": self.names.account, **request}
