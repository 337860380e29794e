"""A question to another function: its answer, and its failure as one that may pass."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from shared.aws.functions import LambdaFunctions
from shared.errors import ServiceRefused, ServiceUnavailable

pytestmark = pytest.mark.fast


class Lambda:
    """One that gives these answers, the last ever after."""

    def __init__(self, *answers: dict[str, Any] | ClientError) -> None:
        self.answers, self.asked = list(answers), list[dict[str, Any]]()

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ClientError):
            raise answer
        return answer | {"Payload": io.BytesIO(json.dumps(answer["Payload"]).encode())}


def asked(lambda_: Lambda) -> Any:
    return LambdaFunctions(lambda_, sleep=lambda _: None).ask("inspect", {"do": "loaded"})


def test_the_answer_is_what_the_function_says() -> None:
    lambda_ = Lambda({"StatusCode": 200, "Payload": {"log": "a"}})
    assert asked(lambda_) == {"log": "a"}
    assert lambda_.asked == [{"FunctionName": "inspect", "Payload": b'{"do":"loaded"}'}]


def test_a_function_that_fails_is_asked_again_and_its_words_are_not_repeated() -> None:
    failed = {"FunctionError": "Unhandled", "Payload": {"errorType": "ServiceUnavailable", "errorMessage": "a row"}}
    assert asked(Lambda(failed, {"Payload": {"log": "a"}})) == {"log": "a"}
    with pytest.raises(ServiceUnavailable) as raised:
        asked(Lambda(failed))
    assert str(raised.value) == "Lambda: asking inspect failed for now (ServiceUnavailable)"


def test_a_function_that_may_not_be_asked_is_refused() -> None:
    with pytest.raises(ServiceRefused, match="AccessDenied"):
        asked(Lambda(ClientError({"Error": {"Code": "AccessDeniedException"}}, "Invoke")))
