"""What was told is ended, though what watch remembers is lost, spoilt or put back."""

import boto3
import pytest

from shared.alerts.notice import StackId, notice_from
from shared.lake import keys
from shared.wording.watch import LOST_TITLE
from tests.road.road import Road
from tests.shared.watch.test_watch import Watching, watching

__all__ = ["watching"]

BOTH = (keys.WATCH_HEALTH, keys.INCIDENTS)
BEGUN = [("begun", "dead letters", "dim_staff"), ("begun", "dead letters", "fact_payment")]


def lose(road: Road, *names: str, how: str = "deleted") -> None:
    for name in names:
        if how == "deleted":
            boto3.client("s3").delete_object(Bucket=road.ingestion.name, Key=name)
        else:
            road.ingestion.put(name, b"not json")


@pytest.fixture
def told(watching: Watching) -> Watching:
    """Two incidents are open, and everybody has heard of them."""
    watching.dead_letters = {"dim_staff": 2, "fact_payment": 1}
    watching.look(7)
    assert sorted(watching.heard.news()) == BEGUN
    return watching


@pytest.mark.parametrize("how", ["deleted", "spoilt"])
@pytest.mark.parametrize("lost", BOTH)
def test_with_one_of_the_two_lost_the_course_goes_on(told: Watching, lost: str, how: str) -> None:
    """One incident is over meanwhile, the other is still open."""
    lose(told.road, lost, how=how)
    told.dead_letters = {"dim_staff": 2}
    told.look(8)
    lose(told.road, lost, how=how)
    told.look(9)
    assert told.heard.news() == [("ended", "dead letters", "fact_payment")]
    for minute in (10, 11):
        told.look(minute)
    assert (told.heard.news(), told.heard.texts) == ([], [])


def test_with_a_former_look_put_back_what_began_since_is_ended_too(told: Watching) -> None:
    before = told.road.ingestion.get(keys.WATCH_HEALTH)
    told.dead_letters |= {"dim_design": 1}
    told.look(8)
    assert told.heard.news() == [("begun", "dead letters", "dim_design")]
    told.road.ingestion.put(keys.WATCH_HEALTH, before)
    told.dead_letters = {}
    told.look(9)
    told.look(10)
    assert {(event, subject) for event, _, subject in told.heard.news()} == {
        ("ended", table) for table in ("dim_staff", "fact_payment", "dim_design")
    }


@pytest.mark.parametrize("how", ["deleted", "spoilt"])
@pytest.mark.parametrize("is_paused", [False, True])
def test_with_both_lost_all_that_was_told_is_said_to_be_void(told: Watching, how: str, is_paused: bool) -> None:
    if is_paused:
        told.road.ingestion.put(keys.PAUSED, b'{"since": "2026-11-25 12:00:00"}')
    lose(told.road, *BOTH, how=how)
    told.dead_letters = {"dim_staff": 2}
    told.look(8)
    [(subject, text)] = told.heard.texts
    assert (subject, "are over" in text, "within 8 minutes" in text) == (LOST_TITLE, True, True)
    assert told.heard.news() == ([] if is_paused else [BEGUN[0]])
    notice = notice_from(text, subject, StackId("totestream-test", "eu-west-2"))
    assert (notice.event, notice.title, notice.says) == ("note", LOST_TITLE, text)
    told.look(9)
    assert (told.heard.news(), len(told.heard.texts)) == ([], 1)


def test_what_could_not_be_told_of_it_is_told_by_the_next_look(told: Watching) -> None:
    lose(told.road, *BOTH)
    told.heard.broken = True
    with pytest.raises(Exception, match="publishing"):
        told.look(8)
    told.heard.broken = False
    told.look(9)
    assert len(told.heard.texts) == 1


def test_a_new_stack_has_lost_nothing(road: Road) -> None:
    watching = Watching(road)
    watching.look()
    road.travel()
    lose(road, *BOTH)
    watching.look(1)
    assert (watching.heard.news(), watching.heard.texts) == ([], [])
