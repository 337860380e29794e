"""Put custom metrics to CloudWatch."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from shared.aws.clients import Sleep, called, client


class Metrics(Protocol):
    def put(self, numbers: Mapping[str, float]) -> None:
        """Put each number under its name, without dimensions."""


class CloudWatchMetrics:
    def __init__(self, namespace: str, cloudwatch: Any = None, sleep: Sleep = time.sleep) -> None:
        self._namespace, self._sleep = namespace, sleep
        self._cloudwatch = cloudwatch or client("cloudwatch")

    def put(self, numbers: Mapping[str, float]) -> None:
        data = [{"MetricName": name, "Value": float(value)} for name, value in numbers.items()]
        called(
            "CloudWatch",
            "putting metrics",
            lambda: self._cloudwatch.put_metric_data(Namespace=self._namespace, MetricData=data),
            sleep=self._sleep,
        )
