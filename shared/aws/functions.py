"""Invoke other Lambda functions."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from shared.aws.clients import Sleep, called, client
from shared.errors import AwsUnavailable


class Functions(Protocol):
    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        """Invoke the function asynchronously; its result is not awaited."""


# The answer of a function that starts cold and reads a database may take so long.
ANSWER_S = 60


class LambdaFunctions:
    def __init__(self, lambda_: Any = None, sleep: Sleep = time.sleep) -> None:
        self._sleep = sleep
        self._lambda = lambda_ or client("lambda", read_timeout_s=ANSWER_S)

    def ask(self, name: str, event: Mapping[str, object]) -> Any:
        """Return the function's answer. It may be invoked more than once, so it must only read. Raises AwsUnavailable
        also when the function fails."""

        def ask() -> Any:
            answer = self._lambda.invoke(FunctionName=name, Payload=msgspec.json.encode(event))
            received = msgspec.json.decode(answer["Payload"].read())
            if "FunctionError" in answer:
                raise AwsUnavailable("Lambda", f"asking {name}", str(received.get("errorType", "error")))
            return received

        return called("Lambda", f"asking {name}", ask, sleep=self._sleep)

    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        payload = msgspec.json.encode(event)
        called(
            "Lambda",
            f"invoking {name}",
            lambda: self._lambda.invoke(FunctionName=name, InvocationType="Event", Payload=payload),
        )
