"""Whatever bytes are given for a document: it is read, or it is a bad document."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.alerts.notice import StackId, notice_from
from shared.aws.secrets import get_login
from shared.errors import BadDocument, BadSetting
from shared.lake.documents import ChangeMessage, Manifest, RunRecord, decode
from shared.lake.pause import since_of
from shared.lake.run_log import RunLog
from shared.load.health import LoadHealth
from shared.watch.asking import Asked
from tests.shared.lake.test_former import Folder

pytestmark = pytest.mark.fast

DEEP = b"[" * 100_000
DEEP_INSIDE = b'{"version": 1, "more": ' + b'{"a":' * 50_000
NO_UTF8 = b'{"version": 1, "log": "\xff\xfe", "run": 1, "table": "staff"}'
BAD = (
    b"",
    b"\xff",
    DEEP,
    DEEP_INSIDE,
    NO_UTF8,
    b"null",
    b"1e999",
    b'{"version": 1, "log": "\\ud800"',
    b"[]",
    b"\x00" * 9,
)


@pytest.mark.parametrize("body", BAD)
@pytest.mark.parametrize("kind", [ChangeMessage, RunRecord, Manifest, LoadHealth, Asked])
def test_each_is_a_bad_document_with_its_name(kind: type[msgspec.Struct], body: bytes) -> None:
    with pytest.raises(BadDocument, match="^the thing cannot be read: "):
        decode(body, kind, "the thing")


@given(st.binary(max_size=40) | st.text(st.characters(), max_size=40))
@example("\ud800")
@example("[" * 100_000)
@settings(derandomize=True, deadline=None)
def test_nothing_else_is_ever_raised(body: bytes | str) -> None:
    try:
        decode(body, ChangeMessage, "it")
    except BadDocument as error:
        assert "\ufffd" not in str(error) and str(error).startswith("it cannot be read: ")


@pytest.mark.parametrize("body", BAD)
def test_what_is_only_a_hint_or_a_note_is_passed_over(body: bytes) -> None:
    class Noted(Folder):
        def get(self, key: str) -> bytes:
            return body

        def list(self, prefix: str, after: str = "") -> "iter[str]":  # type: ignore[valid-type]
            return iter(())

    assert RunLog(Noted("ingestion")).newest() is None
    assert since_of(body) == "an unknown time"


@pytest.mark.parametrize("body", BAD)
def test_alert_shows_it_as_it_came(body: bytes) -> None:
    text = body.decode(errors="surrogateescape")
    assert notice_from(text, "a title", StackId("stack", "region")).event == "told"


@pytest.mark.parametrize("body", BAD)
def test_a_secret_is_none_and_nothing_of_it_is_told(body: bytes) -> None:
    class Manager:
        def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803
            return {"SecretString": body.decode(errors="surrogateescape")}

    with pytest.raises(BadSetting, match=r"^secret s is not a login \(.+\); it must be JSON") as raised:
        get_login("s", Manager())
    assert raised.value.__cause__ is None
