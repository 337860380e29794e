"""Lambda functions, called by one another."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from shared.aws.clients import called, client


class Functions(Protocol):
    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        """Have the function run soon, whatever becomes of it."""


class LambdaFunctions:
    def __init__(self, lambda_: Any = None) -> None:
        self._lambda = lambda_ or client("lambda")

    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        payload = msgspec.json.encode(event)
        called(
            "Lambda",
            f"invoking {name}",
            lambda: self._lambda.invoke(FunctionName=name, InvocationType="Event", Payload=payload),
        )
