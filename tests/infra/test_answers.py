"""What a function's error looks like to a person."""

from typing import Any

import pytest

from ops.answers import error

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"errorType": "Refused", "errorMessage": "no record 9 in fact_payment"}, "no record 9 in fact_payment"),
        ({"errorType": "Runtime.HandlerError", "errorMessage": "no record 9"}, "no record 9"),
        ({"errorType": "KeyError", "errorMessage": "'payment'"}, "KeyError: 'payment'"),
        (
            {"errorType": "Runtime.ImportModuleError", "errorMessage": "no\nmodule"},
            "Runtime.ImportModuleError: no module",
        ),
        ({}, "error: {}"),
    ],
)
def test_an_expected_answer_is_not_wrapped_in_the_name_of_a_class(answer: dict[str, Any], line: str) -> None:
    assert error(answer) == line
