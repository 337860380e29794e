"""The edge of expire: off unless told, and without the warehouse's word nothing goes."""

import pytest

from conftest import made_bucket
from handlers import expire
from shared.errors import ServiceRefused
from shared.lake import keys
from tests.handlers.test_load import SETTINGS, Context, logged

pytestmark = pytest.mark.fast

PART = f"batches/payment/2020/01/01/00000001-x/part-00000-{'a' * 16}.parquet"


def test_it_is_off_where_no_days_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SETTINGS | {"RETENTION_DAYS": ""}).items():
        monkeypatch.setenv(name, value)
    assert expire.handler({}, Context()) == {"off": True}


def test_without_an_answer_of_the_warehouse_nothing_goes(
    aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (SETTINGS | {"RETENTION_DAYS": "1"}).items():
        monkeypatch.setenv(name, value)
    ingestion, processed = (made_bucket(f"totestream-test-{noun}-123456789012") for noun in ("ingestion", "processed"))
    ingestion.put(PART, b"")
    with pytest.raises(ServiceRefused, match="ResourceNotFoundException"):
        expire.handler({}, Context())
    assert logged(capsys)["message"] == "nothing was removed, or not all"
    assert list(ingestion.list("")) == [PART] and keys.EXPIRED not in processed.list("")
