"""Whatever is published, Slack and SNS take it, and what fits is all there."""

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.message import mail_subject, mail_text, number, slack_payload
from shared.alerts.notice import Notice, notice_from
from tests.shared.alerts.making import HERE, judged, shown

pytestmark = pytest.mark.fast

# Any letter, with those that mean something to Slack, to SNS or to an encoding more often than chance.
TEXTS = st.text(
    st.one_of(st.characters(exclude_categories=()), st.sampled_from("&<>`*_~|\n\r\t\0\u2028🔴")), max_size=30
)
LONG = st.builds(lambda text, times: text * times, TEXTS, st.sampled_from([1, 100, 3000]))
SHORT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


def incidents(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """As JSON has them, which is more than the class can: halves of pairs among it."""
    words = dict.fromkeys(("kind", "subject", "title", "says", "command", "runbook"), texts)
    values = st.one_of(st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False))
    numbers = st.dictionaries(texts, values, max_size=12)
    zones = st.one_of(st.none(), st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes))))
    times = st.datetimes(timezones=zones).map(datetime.isoformat)
    return st.fixed_dictionaries({**words, "numbers": numbers, "since": times})


def alerts(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """As JSON, with all letters but the plain ones as their numbers."""
    times = st.datetimes().map(lambda time: time.isoformat() + "Z")
    events = st.sampled_from(["begun", "open", "ended"])
    fields = {"version": st.just(1), "event": events, "stack": texts, "region": texts, "at": times}
    return st.fixed_dictionaries({**fields, "incident": incidents(texts)}).map(json.dumps)


def assert_limits_are_kept(told: Notice) -> None:
    payload = slack_payload(told)
    assert judged(payload) == ""
    assert judged({"text": payload["text"]}) == ""
    subject, mail = mail_subject(told), mail_text(told, "why")
    assert len(subject) < 100
    assert re.fullmatch("[!-~][ -~]*", subject)
    assert 0 < len(mail.encode()) <= 256 * 1024
    assert not [letter for letter in mail if not letter.isprintable() and letter not in "\n"]


@settings(derandomize=True, deadline=None)
@given(st.one_of(LONG, alerts(LONG)), LONG)
def test_whatever_is_published_keeps_the_limits(text: str, title: str) -> None:
    assert_limits_are_kept(notice_from(text, title, HERE))


@settings(derandomize=True, deadline=None)
@given(alerts(SHORT))
def test_nothing_that_fits_is_lost(text: str) -> None:
    told, given_ = notice_from(text, "", HERE), json.loads(text)["incident"]
    assert told.kind == given_["kind"]
    seen, mail = shown(slack_payload(told)), mail_text(told)
    numbers = given_["numbers"]
    for word in [given_[name] for name in ("subject", "title", "says", "runbook")] + list(numbers):
        assert word in seen
        assert word in mail
    assert given_["command"] in seen.replace("\u200b", "")
    assert given_["command"] in mail
    for value in numbers.values():
        assert number(value) in seen
