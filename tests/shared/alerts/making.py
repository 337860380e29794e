"""Alerts and alarms as they are published, and the messages that Slack's own rules judge."""

import json
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.block_kit import complaint
from shared.alerts.documents import Alert, Event, Incident
from shared.alerts.notice import StackId
from shared.alerts.slack import Slack
from shared.lake.documents import encode

HERE = StackId("totestream-test", "eu-west-2")
# No piece of it is ever to be seen.
CANARIES = ("TCANARY", "BCANARY", "canary0token1kept2secret")
WEBHOOK_PATH = "/services/" + "/".join(CANARIES)
HELLO = {"text": "hello"}
NewSlack = Callable[..., Slack]
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
INCIDENT = Incident(
    kind="dead_letters",
    subject="fact_payment",
    since=NINE,
    title="Messages that nobody could read",
    says="3 messages of fact_payment are dead letters, the oldest for 12 minutes",
    numbers={"messages": 3, "oldest, s": 720.5},
    command="./infra_bash/retry.sh fact_payment --settings settings.env",
    runbook="dead-letters",
)


def alert(event: Event = "begun", minutes: float = 12, version: int = 1, incident: Incident = INCIDENT) -> Alert:
    return Alert(
        version=version,
        event=event,
        stack=HERE.stack,
        region=HERE.region,
        at=incident.since + timedelta(minutes=minutes),
        incident=incident,
    )


def published(it: Alert) -> str:
    return encode(it).decode()


def alarm(state: str = "ALARM", **more: Any) -> dict[str, Any]:
    """As CloudWatch publishes it, but for the metric."""
    return {
        "AlarmName": "totestream-test-watch-silent",
        "AlarmDescription": "watch has said nothing for five minutes",
        "AWSAccountId": "123456789012",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed: no datapoints were received for 5 periods",
        "StateChangeTime": "2026-03-02T09:15:42.236+0000",
        "Region": "Europe (London)",
        "AlarmArn": "arn:aws:cloudwatch:eu-west-2:123456789012:alarm:totestream-test-watch-silent",
        "OldStateValue": "OK",
        "OKActions": [],
        "Trigger": {"MetricName": "Invocations"},
        **more,
    }


def sns_event(*messages: str, subject: str | None = None) -> dict[str, Any]:
    """As SNS calls a function."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:aws:sns:eu-west-2:123456789012:totestream-test-alerts:1",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": str(number),
                    "TopicArn": "arn:aws:sns:eu-west-2:123456789012:totestream-test-alerts",
                    "Subject": subject,
                    "Message": message,
                    "Timestamp": "2026-03-02T09:00:00.000Z",
                    "MessageAttributes": {},
                },
            }
            for number, message in enumerate(messages)
        ]
    }


def judged(payload: dict[str, Any]) -> str:
    """Slack's complaint, '' when it would show the payload."""
    return complaint("application/json", json.dumps(payload).encode())


def shown(payload: dict[str, Any]) -> str:
    """All that is seen of its blocks, unescaped."""
    texts: list[str] = []
    for block in payload["blocks"]:
        objects = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        texts += [one["text"] for one in objects if one]
    return "\n".join(texts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def assert_hidden(text: str) -> None:
    assert not [canary for canary in (*CANARIES, "127.0.0.1") if canary in text]


def traced(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


class Time:
    """A function's time, which passes only while it sleeps."""

    def __init__(self, left_s: float = 60.0) -> None:
        self.left_s = left_s
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.left_s -= seconds
