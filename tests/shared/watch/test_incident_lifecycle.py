"""Whatever comes and goes: each incident is told when it begins, each hour, and when it is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.documents import Incident
from shared.watch.incident_lifecycle import CHECKS_UNTIL_OVER, Notification, OpenIncident, advance

pytestmark = pytest.mark.fast

START = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NAMES = st.tuples(st.sampled_from(("dead letters", "freshness")), st.sampled_from(("dim_staff", "fact_payment")))
# What is wrong in each look, a minute after the other.
COURSES = st.lists(st.sets(NAMES), max_size=200)


def incident(kind: str, subject: str, now: datetime) -> Incident:
    facts = {"title": "t", "says": f"{now}", "command": "c", "runbook": "r"}
    return Incident(kind=kind, subject=subject, since=now, numbers={}, **facts)


def told_in(course: list[set[tuple[str, str]]]) -> tuple[list[list[Notification]], list[OpenIncident]]:
    """What is told in each look, and what is open in the end."""
    told: list[list[Notification]] = []
    open_: list[OpenIncident] = []
    for minute, names in enumerate(course):
        now = START + timedelta(minutes=minute)
        open_, news = advance(open_, [incident(*name, now) for name in sorted(names)], now)
        told.append(news)
    return told, open_


@given(course=COURSES)
def test_each_incident_is_told_once_at_its_beginning_and_once_at_its_end(course: list[set[tuple[str, str]]]) -> None:
    told, open_ = told_in(course)
    for name in {name for names in course for name in names}:
        events = [
            (minute, event, each.since)
            for minute, news in enumerate(told)
            for event, each in news
            if (each.kind, each.subject) == name
        ]
        assert events == expected(course, name)
        ended = bool(events) and events[-1][1] == "ended"
        assert (name in {(each.incident.kind, each.incident.subject) for each in open_}) == (not ended)


def expected(course: list[set[tuple[str, str]]], name: tuple[str, str]) -> list[tuple[int, str, datetime]]:
    """Notification from the words of the rule, look by look."""
    events: list[tuple[int, str, datetime]] = []
    since, said, unseen = None, 0, 0
    for minute, names in enumerate(course):
        unseen = 0 if name in names else unseen + 1
        if since is None and name in names:
            since, said = START + timedelta(minutes=minute), minute
            events.append((minute, "begun", since))
        elif since and name in names and minute - said >= 60:
            said = minute
            events.append((minute, "open", since))
        elif since and unseen == CHECKS_UNTIL_OVER:
            events.append((minute, "ended", since))
            since = None
    return events


def test_what_is_told_of_an_open_one_is_what_was_measured_last() -> None:
    course = [{("freshness", "dim_staff")}] * 61
    told, _ = told_in(course)
    [(event, last)] = told[60]
    assert (event, last.since, last.says) == ("open", START, f"{START + timedelta(hours=1)}")


def test_what_is_kept_is_not_over() -> None:
    late = incident("freshness", "dim_staff", START)
    open_, _ = advance([], [late], START)
    for minute in range(1, 5):
        open_, told = advance(open_, [], START + timedelta(minutes=minute), {late.name})
        assert (len(open_), told) == (1, [])
    for minute in (5, 6):
        open_, told = advance(open_, [], START + timedelta(minutes=minute))
    assert (open_, told) == ([], [("ended", late)])
