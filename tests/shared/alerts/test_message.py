"""What is published, as Slack and a mailbox show it: complete, escaped, and within the limits of each."""

import json
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.alerts.documents import Alert, Event
from shared.alerts.message import duration, mail_subject, mail_text, number, slack_payload, truncated
from shared.alerts.notice import Notice, notice_from, readable
from tests.shared.alerts.making import HERE, INCIDENT, NINE, alarm, alert, judged, published, shown

pytestmark = pytest.mark.fast

DASHBOARD = (
    "https://eu-west-2.console.aws.amazon.com/cloudwatch/home?region=eu-west-2#dashboards/dashboard/totestream-test"
)


def notice(text: str, title: str = "") -> Notice:
    return notice_from(text, title, HERE)


def payload_of(it: Alert) -> dict[str, Any]:
    return slack_payload(notice(published(it)))


def test_an_alert_is_shown_whole() -> None:
    payload = payload_of(alert())
    assert judged(payload) == ""
    assert payload["text"].splitlines() == [
        "🔴 fact_payment: Messages that nobody could read",
        "fact_payment, totestream-test",
        INCIDENT.says,
    ]
    assert shown(payload).splitlines() == [
        "🔴 fact_payment: Messages that nobody could read",
        "fact_payment, totestream-test",
        "Begun: since 2026-03-02 09:00 UTC, for 12 min",
        INCIDENT.says,
        "messages",
        "3",
        "oldest, s",
        "720.5",
        "```",
        "./infra_bash/retry.sh fact_payment --settings settings.env",
        "```",
        f"<{DASHBOARD}|Dashboard>",
        "docs/runbook.md#dead-letters",
    ]


def test_the_same_as_an_e_mail_says_why_it_is_one() -> None:
    told = notice(published(alert()))
    assert mail_subject(told) == "[totestream-test] BEGUN fact_payment: Messages that nobody could read"
    assert mail_text(told, "Slack: posting failed for now (ReadTimeoutError)").splitlines() == [
        "BEGUN: fact_payment: Messages that nobody could read",
        "fact_payment, totestream-test",
        "Begun: since 2026-03-02 09:00 UTC, for 12 min",
        "Run: ./infra_bash/retry.sh fact_payment --settings settings.env",
        "Runbook: docs/runbook.md#dead-letters",
        f"Dashboard: {DASHBOARD}",
        "This is an e-mail because Slack was not reached: Slack: posting failed for now (ReadTimeoutError)",
        "messages: 3",
        "oldest, s: 720.5",
        INCIDENT.says,
    ]
    assert "because" not in mail_text(told)


@pytest.mark.parametrize(
    ("event", "minutes", "sign", "line"),
    [
        ("begun", 0, "🔴", "Begun: since 2026-03-02 09:00 UTC, for 0 s"),
        ("open", 125, "🔁", "Still open since 2026-03-02 09:00 UTC, for 2 h 5 min"),
        ("ended", 12.5, "🟢", "Over at 2026-03-02 09:12 UTC: it lasted 12 min 30 s, since 2026-03-02 09:00 UTC"),
        ("ended", -3, "🟢", "Over at 2026-03-02 08:57 UTC: it lasted 0 s, since 2026-03-02 09:00 UTC"),
    ],
)
def test_it_has_begun_is_still_so_or_is_over(event: Event, minutes: float, sign: str, line: str) -> None:
    told = alert(event, minutes)
    payload = payload_of(told)
    assert payload["blocks"][0]["text"]["text"].startswith(f"{sign} ")
    assert line in shown(payload).splitlines()
    assert line in mail_text(notice(published(told))).splitlines()


def test_times_are_utc_whatever_zone_they_are_written_in() -> None:
    for since in ("2026-03-02T09:00:00", "2026-03-02T11:00:00+02:00", "2026-03-02T09:00:00Z"):
        text = published(alert("open")).replace("2026-03-02T09:00:00Z", since)
        assert "since 2026-03-02 09:00 UTC, for 12 min" in shown(slack_payload(notice(text)))


def test_an_incident_of_no_table_is_of_the_stack() -> None:
    incident = msgspec.structs.replace(INCIDENT, subject="", numbers={}, says="", command="", runbook="")
    payload = payload_of(alert(incident=incident))
    assert judged(payload) == ""
    assert shown(payload).splitlines() == [
        "🔴 Messages that nobody could read",
        "totestream-test",
        "Begun: since 2026-03-02 09:00 UTC, for 12 min",
        f"<{DASHBOARD}|Dashboard>",
        "docs/runbook.md",
    ]


def test_a_table_is_not_named_twice() -> None:
    incident = msgspec.structs.replace(INCIDENT, title="fact_payment is behind")
    assert payload_of(alert(incident=incident))["text"].startswith("🔴 fact_payment is behind\n")


@pytest.mark.parametrize(
    ("state", "sign", "title", "when"),
    [
        ("ALARM", "🔴", "the alarm is on", "Begun: since 2026-03-02 09:15 UTC, for 0 s"),
        ("OK", "🟢", "the alarm is over", "Over at 2026-03-02 09:15 UTC"),
        ("INSUFFICIENT_DATA", "🔵", "the alarm is INSUFFICIENT_DATA", "2026-03-02 09:15 UTC"),
    ],
)
def test_an_alarm_is_shown_as_what_it_is(state: str, sign: str, title: str, when: str) -> None:
    payload = slack_payload(notice(json.dumps(alarm(state))))
    assert judged(payload) == ""
    assert shown(payload).splitlines() == [
        f"{sign} totestream-test-watch-silent: {title}",
        "totestream-test-watch-silent, totestream-test",
        when,
        "watch has said nothing for five minutes",
        "Threshold Crossed: no datapoints were received for 5 periods",
        "```",
        "./infra_bash/status.sh",
        "```",
        f"<{DASHBOARD}|Dashboard>",
        "docs/runbook.md",
    ]


@pytest.mark.parametrize("more", [{"AlarmDescription": None}, {"StateChangeTime": "soon"}, {"New": "field"}])
def test_an_alarm_may_lack_what_is_not_needed(more: dict[str, Any]) -> None:
    told = notice(json.dumps(alarm() | more))
    assert (told.kind, told.event, told.subject) == ("alarm", "begun", "totestream-test-watch-silent")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "{",
        '"text"',
        '{"AlarmName": 3}',
        "[" * 5000,
        published(alert(version=2)),
        published(alert()).replace('"event"', '"happening"'),
        '{"half of a pair": "\ud83d"}',
    ],
)
def test_what_is_neither_is_shown_as_it_came(text: str) -> None:
    told = notice(text)
    assert (told.kind, told.event) == ("message", "note")
    assert judged(slack_payload(told)) == ""
    assert readable(text)[:2000] in shown(slack_payload(told))
    assert readable(text) in mail_text(told)
    assert "🔵 A message that this version does not know" in shown(slack_payload(told))


def test_its_subject_is_the_title_of_what_has_no_other() -> None:
    assert slack_payload(notice("anything", "a\n drill\n"))["text"] == "🔵 a drill\ntotestream-test\nanything"


def test_nothing_becomes_a_mention_or_a_link_of_its_own() -> None:
    told = msgspec.structs.replace(INCIDENT, title="<!channel> & more", says="<http://evil|click> *&*", runbook="<x>")
    payload = payload_of(alert(incident=told))
    raw = json.dumps(payload, ensure_ascii=False)
    assert re.findall("<[^>]*>", raw) == [f"<{DASHBOARD}|Dashboard>"]
    assert "🔴 fact_payment: <!channel> & more" in shown(payload)
    assert all(
        "&lt;!channel&gt; &amp; more" in text for text in (payload["text"], payload["blocks"][0]["text"]["text"])
    )


def test_no_name_leads_a_link_astray() -> None:
    payload = payload_of(msgspec.structs.replace(alert(), stack="a>b|<!here>", region="x/../|y"))
    [link] = re.findall("<[^>]*>", json.dumps(payload))
    assert link.endswith("dashboards/dashboard/a%3Eb%7C%3C%21here%3E|Dashboard>")
    assert link.startswith("<https://x%2F..%2F%7Cy.console.aws.amazon.com/")


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
        ("eusc-de-east-1", "console.amazonaws-eusc.eu"),
        ("us-east-1", "console.aws.amazon.com"),
    ],
)
def test_the_link_leads_to_the_console_of_the_regions_partition(region: str, console: str) -> None:
    payload = payload_of(msgspec.structs.replace(alert(), region=region))
    assert f"<https://{region}.{console}/cloudwatch/home?region={region}#" in json.dumps(payload)


def test_a_time_that_has_no_place_in_utc_is_shown_all_the_same() -> None:
    text = published(alert()).replace("2026-03-02T09:00:00Z", "0001-01-01T00:00:00+14:00")
    assert "Begun: since 1-01-01 00:00 UTC" in shown(slack_payload(notice(text))).replace("0001", "1")


def test_a_code_block_ends_where_the_command_does() -> None:
    payload = payload_of(alert(incident=msgspec.structs.replace(INCIDENT, command="a ``` b ```")))
    [code] = [block["text"]["text"] for block in payload["blocks"] if "```" in json.dumps(block)]
    assert code.count("```") == 2
    assert code.replace("\u200b", "") == "```\na ``` b ```\n```"


def test_many_numbers_are_many_fields_and_too_many_are_counted() -> None:
    def payload(count: int) -> dict[str, Any]:
        numbers = {f"n{each:03}": float(each) for each in range(count)}
        return payload_of(alert(incident=msgspec.structs.replace(INCIDENT, numbers=numbers)))

    assert [len(block["fields"]) for block in payload(25)["blocks"] if "fields" in block] == [10, 10, 5]
    assert "n099\n99\n```" in shown(payload(100))
    assert "n098\n98\n… and 2 more numbers" in shown(payload(101))
    assert judged(payload(101)) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (1234567.0, "1,234,567"), (0.1 + 0.2, "0.3"), (-12.5, "-12.5"), (1e300, "1e+300")],
)
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (86_400, "1 d"), (90_061, "1 d 1 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_cutting_leaves_no_half_of_an_escape() -> None:
    assert [truncated("a&b", most) for most in (7, 6, 5, 2)] == ["a&amp;b", "a…", "a…", "a…"]
    assert truncated("<" * 3000, 3000) == "&lt;" * 749 + "…"


def test_an_alert_that_is_read_is_the_alert_that_was_published() -> None:
    told = notice(published(alert("open")))
    assert (told.event, told.kind, told.subject, told.since) == ("open", "dead_letters", "fact_payment", NINE)
    assert (told.stack, told.region, told.lasted) == ("totestream-test", "eu-west-2", timedelta(minutes=12))
