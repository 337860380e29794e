"""The codes of errors are stored, and stay."""

import pytest

from shared import errors
from shared.errors import AwsUnavailable, LogWentBack, ServiceRefused, TotestreamError, error_code

pytestmark = pytest.mark.fast

# In dead letters, health documents and logs. A code never changes and is never used again for something else.
STORED = {
    "TotestreamError", "TransientError", "PermanentError", "MayPass", "ServiceUnavailable", "AwsUnavailable", "NotYet",
    "ServiceRefused", "AwsRefused", "BadSetting", "BadDeclaration", "BadDocument", "MissingObject", "Removed",
    "CorruptObject", "OtherDeclaration", "Refused", "TwoLogs", "LogWentBack",
}  # fmt: skip


def classes(of: type[TotestreamError] = TotestreamError) -> list[type[TotestreamError]]:
    found = [each for each in of.__subclasses__() if each.__module__ == errors.__name__]
    return [of, *(one for each in found for one in classes(each))]


def test_each_error_declares_its_own_code_which_is_stored() -> None:
    assert {each.__dict__["code"] for each in classes()} == STORED


def test_lambda_reports_an_error_by_the_name_of_its_class_so_that_is_the_code() -> None:
    assert [each for each in classes() if each.code != each.__name__] == []


def test_an_exception_that_is_not_ours_has_its_class_s_name() -> None:
    assert (error_code(LogWentBack("x")), error_code(KeyError("x"))) == ("LogWentBack", "KeyError")


def test_detail_leaves_out_the_service() -> None:
    assert (
        ServiceRefused("warehouse", "connecting", "28P01", "fix it").detail == "connecting was refused (28P01); fix it"
    )
    error = AwsUnavailable("S3", "reading", "ConnectTimeoutError", fix="check the subnets")
    assert error.detail == "reading failed for now (ConnectTimeoutError); check the subnets"
    assert str(error) == f"S3: {error.detail}"
    assert LogWentBack("it ends with run 3").detail.startswith("it ends with run 3: ")
