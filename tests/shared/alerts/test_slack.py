"""The door to Slack against a real HTTP server: what is tried again, for how long, and that nobody sees the webhook."""

import logging
from pathlib import Path

import pytest

from local import ports
from local.slack import Misbehaviour, SlackServer
from shared.alerts.slack import RESERVE_S, TRY_S
from shared.errors import ServiceRefused, ServiceUnavailable
from shared.retry import TRIES
from tests.shared.alerts.making import HELLO, WEBHOOK_PATH, NewSlack, Time, assert_hidden, traced

pytestmark = pytest.mark.fast

# Nobody here takes as long, but for who is made to.
SHORT_S = 1.0


def test_what_is_posted_is_what_slack_gets(stand_in: SlackServer, new_slack: NewSlack, time: Time) -> None:
    new_slack().post({"text": "Grüße 🔴"})
    assert stand_in.messages() == [{"text": "Grüße 🔴"}]
    assert time.slept == []


def test_too_many_wait_as_long_as_slack_asks(stand_in: SlackServer, new_slack: NewSlack, time: Time) -> None:
    stand_in.misbehave("status", status=429, word="rate_limited", after="7", times=2)
    new_slack().post(HELLO)
    # With jitter: those who wait do not all come back at once.
    assert [7 < slept < 8 for slept in time.slept] == [True, True]
    assert stand_in.messages() == [HELLO]


@pytest.mark.parametrize("after", ["", "soon", "-5"])
def test_too_many_wait_a_second_if_slack_does_not_say(
    after: str, stand_in: SlackServer, new_slack: NewSlack, time: Time
) -> None:
    stand_in.misbehave("status", status=429, after=after)
    new_slack().post(HELLO)
    assert [1 <= slept < 2 for slept in time.slept] == [True]


@pytest.mark.parametrize("after", ["40", "3600", "9" * 400])
def test_nobody_waits_past_what_is_kept_for_the_e_mail(
    after: str, stand_in: SlackServer, new_slack: NewSlack, time: Time
) -> None:
    stand_in.misbehave("status", status=429, after=after, times=9)
    with pytest.raises(ServiceUnavailable, match="429"):
        new_slack(try_s=TRY_S).post(HELLO)
    assert (time.slept, stand_in.asked) == ([], 1)


def test_waits_add_up(stand_in: SlackServer, new_slack: NewSlack, time: Time) -> None:
    stand_in.misbehave("status", status=429, after="18", times=9)
    with pytest.raises(ServiceUnavailable):
        new_slack(try_s=TRY_S).post(HELLO)
    assert len(time.slept) == 2
    # The last try had its time.
    assert time.left_s >= RESERVE_S + TRY_S


@pytest.mark.parametrize(("a_try_s", "tries"), [(TRY_S, 4), (14, 3), (20, 2), (24, 1)])
def test_a_try_that_is_long_leaves_no_time_for_another(
    a_try_s: float, tries: int, stand_in: SlackServer, new_slack: NewSlack, time: Time
) -> None:
    slack = new_slack(time_left_s=lambda: time.left_s - a_try_s * stand_in.asked, try_s=a_try_s)
    stand_in.misbehave("status", times=9)
    with pytest.raises(ServiceUnavailable):
        slack.post(HELLO)
    assert stand_in.asked == tries
    assert time.left_s - a_try_s * tries >= RESERVE_S


def test_without_time_nothing_is_tried(stand_in: SlackServer, new_slack: NewSlack, time: Time) -> None:
    time.left_s = RESERVE_S + TRY_S - 0.1
    with pytest.raises(ServiceUnavailable, match="no time is left"):
        new_slack(try_s=TRY_S).post(HELLO)
    assert stand_in.asked == 0


PASSING = [
    Misbehaviour("status", status=500),
    Misbehaviour("status", status=503, word="<html>the proxy's own words</html>"),
    Misbehaviour("hang"),
    Misbehaviour("refuse"),
    Misbehaviour("cut"),
    Misbehaviour("garble"),
    # Never silent for long, and done in two seconds.
    Misbehaviour("drip", seconds=0.05),
]


@pytest.mark.parametrize("bad", PASSING, ids=lambda bad: f"{bad.how}-{bad.status}")
def test_what_passes_is_tried_again(bad: Misbehaviour, stand_in: SlackServer, new_slack: NewSlack, time: Time) -> None:
    stand_in.misbehave(bad.how, status=bad.status, word=bad.word, seconds=bad.seconds)
    new_slack(try_s=SHORT_S).post(HELLO)
    assert stand_in.messages() == [HELLO]
    assert [slept < 1 for slept in time.slept] == [True]


@pytest.mark.parametrize("bad", PASSING, ids=lambda bad: f"{bad.how}-{bad.status}")
def test_what_does_not_pass_is_an_error_that_may_pass_later(
    bad: Misbehaviour, stand_in: SlackServer, new_slack: NewSlack, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "urllib3", "urllib3.connection", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)
    stand_in.misbehave(bad.how, status=bad.status, word=bad.word, seconds=bad.seconds, times=99)
    with pytest.raises(ServiceUnavailable) as caught:
        new_slack(try_s=SHORT_S).post(HELLO)
    assert stand_in.asked == TRIES
    assert_hidden(traced(caught.value) + caplog.text)
    assert_alone(caught.value)


def assert_alone(error: BaseException) -> None:
    """It drags along no exception of urllib3's, which has the URL in it, though nobody may print that one."""
    assert (error.__cause__, error.__context__) == (None, None)


def test_a_connection_that_is_refused_may_pass(new_slack: NewSlack, time: Time) -> None:
    nobody = f"http://127.0.0.1:{ports.pick()}"
    with pytest.raises(ServiceUnavailable, match=r"^Slack: posting failed for now \(NewConnectionError\)$") as caught:
        new_slack(nobody + WEBHOOK_PATH, nobody).post(HELLO)
    assert len(time.slept) == TRIES - 1
    assert_hidden(traced(caught.value))
    assert_alone(caught.value)


def test_a_host_that_does_not_exist_may_come_to_be(new_slack: NewSlack) -> None:
    slack = new_slack("https://nowhere.invalid" + WEBHOOK_PATH, "nowhere.invalid")
    with pytest.raises(ServiceUnavailable, match="NameResolutionError") as caught:
        slack.post(HELLO)
    assert "nowhere" not in traced(caught.value)
    assert_hidden(traced(caught.value))


def test_who_shows_no_certificate_is_not_slack(stand_in: SlackServer, new_slack: NewSlack) -> None:
    host = stand_in.place.removeprefix("http://")
    with pytest.raises(ServiceUnavailable, match="SSLError") as caught:
        new_slack("https://" + host + WEBHOOK_PATH, host).post(HELLO)
    assert stand_in.asked == 0
    assert_hidden(traced(caught.value))


@pytest.mark.parametrize(
    ("status", "word", "cause", "fix"),
    [
        (400, "invalid_payload", "400 invalid_payload", "mend shared/alerts/message.py"),
        (403, "invalid_token", "403 invalid_token", "new webhook in place: deploy.sh --put-secrets"),
        (404, "no_service", "404 no_service", "new webhook in place: deploy.sh --put-secrets"),
        (410, "channel_is_archived", "410 channel_is_archived", "the channel is archived"),
        (404, f"Cannot POST {WEBHOOK_PATH}", "404", "new webhook in place"),
        (404, WEBHOOK_PATH.split("/")[1], "404", "new webhook in place"),
        (204, "", "204", "new webhook in place"),
    ],
)
def test_what_does_not_pass_is_not_tried_again(
    status: int, word: str, cause: str, fix: str, stand_in: SlackServer, new_slack: NewSlack, time: Time
) -> None:
    stand_in.misbehave("status", status=status, word=word, times=9)
    with pytest.raises(ServiceRefused) as caught:
        new_slack().post(HELLO)
    assert f"was refused ({cause})" in str(caught.value)
    assert fix in str(caught.value)
    assert (stand_in.asked, time.slept) == (1, [])
    assert_hidden(traced(caught.value))


def test_a_redirect_is_not_followed(stand_in: SlackServer, new_slack: NewSlack, tmp_path: Path) -> None:
    with SlackServer(tmp_path, path=WEBHOOK_PATH) as elsewhere:
        stand_in.misbehave("redirect", to=elsewhere.url)
        with pytest.raises(ServiceRefused, match="302") as caught:
            new_slack().post(HELLO)
        assert elsewhere.asked == 0
    assert_hidden(traced(caught.value))


def test_a_port_that_is_none_is_an_error_like_another(new_slack: NewSlack) -> None:
    nowhere = "http://127.0.0.1:99999"
    slack = new_slack(nowhere + WEBHOOK_PATH, nowhere)
    with pytest.raises(ServiceUnavailable, match="LocationParseError") as caught:
        slack.post(HELLO)
    assert_hidden(traced(caught.value))
