"""Slack's stand-in: its limits, its words, its pace, and the bad days that it can be told to have."""

import json
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local import folders, processes
from local.slack import HEALTH, MISBEHAVE, SlackServer, kept_path

pytestmark = pytest.mark.fast

PATH = "/services/T0/B0/canary"
HEADER = {"type": "header", "text": {"type": "plain_text", "text": "h" * 150}}
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "s" * 3000, "verbatim": True}}
FIELDS = {"type": "section", "fields": [{"type": "plain_text", "text": "f" * 2000}] * 10}
CONTEXT = {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}]}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def slack(tmp_path: Path, clock: Clock) -> Iterator[SlackServer]:
    with SlackServer(tmp_path, path=PATH, burst=2, clock=clock) as running:
        yield running


def said(slack: SlackServer, content: Any, path: str = PATH, kind: str = "application/json") -> tuple[int, str, str]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with urllib3.PoolManager() as http:
        answer = http.request(
            "POST",
            slack.place + path,
            body=body,
            headers={"Content-Type": kind},
            retries=False,
            redirect=False,
            timeout=5,
        )
        return answer.status, answer.data.decode(), answer.headers.get("Retry-After", "")


def test_a_message_within_the_limits_is_taken_and_kept(slack: SlackServer) -> None:
    message = {"text": "t" * 40_000, "blocks": [HEADER, SECTION, FIELDS, CONTEXT, *[SECTION] * 46]}
    assert said(slack, message) == (200, "ok", "")
    assert slack.messages() == [message]


def text(kind: str, length: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "text": "x" * length, **more}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"{", "invalid_payload"),
        (b"[]", "invalid_payload"),
        ({}, "no_text"),
        ({"text": " "}, "no_text"),
        ({"text": "t" * 40_001}, "msg_too_long"),
        ({"blocks": "all"}, "invalid_blocks_format"),
        ({"blocks": [SECTION] * 51}, "invalid_blocks"),
        ({"blocks": ["section"]}, "invalid_blocks"),
        ({"blocks": [{"type": "sektion"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": text("plain_text", 151)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": text("mrkdwn", 1)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": text("mrkdwn", 3001)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": text("mrkdwn", 0)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": text("mrkdwn", 1, emoji=True)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": text("plain_text", 1, verbatim=True)}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "fields": []}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "fields": [text("mrkdwn", 1)] * 11}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "fields": [text("mrkdwn", 2001)]}]}, "invalid_blocks"),
        ({"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
    ],
)
def test_what_slack_would_not_take_is_refused_in_its_words(content: Any, word: str, slack: SlackServer) -> None:
    assert said(slack, content) == (400, word, "")
    assert slack.messages() == []


def test_only_json_is_a_message(slack: SlackServer) -> None:
    assert said(slack, {"text": "hello"}, kind="text/plain") == (400, "invalid_payload", "")
    assert said(slack, {"text": "hello"}, kind="application/json; charset=utf-8") == (200, "ok", "")


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [("/services/T0/B0/other", 403, "invalid_token"), ("/services/T1/B0/canary", 404, "no_service")],
)
def test_another_webhook_is_unknown(path: str, status: int, word: str, slack: SlackServer) -> None:
    assert said(slack, {"text": "hello"}, path) == (status, word, "")


def test_more_than_a_message_a_second_has_to_wait(slack: SlackServer, clock: Clock) -> None:
    answers = [said(slack, {"text": str(number)}) for number in range(3)]
    assert answers == [(200, "ok", ""), (200, "ok", ""), (429, "rate_limited", "1")]
    clock.now += 1.0
    assert [said(slack, {"text": "later"})[0] for _ in range(2)] == [200, 429]
    assert [message["text"] for message in slack.messages()] == ["0", "1", "later"]


def test_a_bad_day_is_asked_for_and_ends(slack: SlackServer) -> None:
    asked = {"how": "status", "times": 2, "status": 503, "word": "busy", "after": "7"}
    assert said(slack, asked, PATH + MISBEHAVE) == (200, "ok", "")
    answers = [said(slack, {"text": "hello"}) for _ in range(3)]
    assert answers == [(503, "busy", "7"), (503, "busy", "7"), (200, "ok", "")]
    for strange in ({"how": "status", "colour": "red"}, {"how": "loudly"}, {}):
        assert said(slack, strange, PATH + MISBEHAVE)[0] == 400


@pytest.mark.parametrize("path", ["/_slack/misbehave", MISBEHAVE, "/services/T0/B0/other" + MISBEHAVE])
def test_only_who_knows_the_webhook_asks_for_a_bad_day(path: str, slack: SlackServer) -> None:
    assert said(slack, {"how": "status", "times": 9}, path)[0] in (403, 404)
    assert said(slack, {"text": "hello"}) == (200, "ok", "")


@pytest.mark.parametrize("path", [PATH, PATH + MISBEHAVE])
@pytest.mark.parametrize(
    "more", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}]
)
def test_a_web_page_is_not_answered_whatever_it_knows(more: dict[str, str], path: str, slack: SlackServer) -> None:
    headers = {"Content-Type": "application/json", **more}
    with urllib3.PoolManager() as http:
        answer = http.request("POST", slack.place + path, body=b'{"how": "status", "text": "x"}', headers=headers)
    assert answer.status == 403
    assert (slack.request_count, slack.messages()) == (0, [])


@pytest.mark.parametrize("how", ["refuse", "cut", "hang"])
def test_some_bad_days_are_no_answer(how: str, slack: SlackServer) -> None:
    assert said(slack, {"how": how, "seconds": 0}, PATH + MISBEHAVE)[0] == 200
    with pytest.raises(urllib3.exceptions.ProtocolError):
        said(slack, {"text": "hello"})
    assert said(slack, {"text": "hello"}) == (200, "ok", "")


def test_the_webhook_is_kept_and_for_the_owner_alone(tmp_path: Path) -> None:
    with SlackServer(tmp_path) as first, SlackServer(tmp_path) as second:
        assert first.path == second.path
        assert said(second, {"text": "hello"}, first.path) == (200, "ok", "")
    assert stat.S_IMODE((tmp_path / "slack-path").stat().st_mode) == 0o600


def test_a_path_that_was_noted_empty_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "slack-path").touch()
    with SlackServer(tmp_path) as slack:
        assert slack.path.startswith("/services/")
        assert said(slack, {"text": "hello"}, slack.path) == (200, "ok", "")
    assert kept_path(tmp_path) == slack.path


def test_callers_at_once_get_one_path(tmp_path: Path) -> None:
    places = [tmp_path / str(number) for number in range(25)]
    with ThreadPoolExecutor(8) as pool:
        for place in places:
            place.mkdir()
            [path] = set(pool.map(kept_path, [place] * 8))
            assert path.startswith("/services/")


def test_health_is_of_this_webhook_alone(slack: SlackServer) -> None:
    with urllib3.PoolManager() as http:
        answers = {path: http.request("GET", slack.place + path).status for path in (PATH, "", "/services/T0/B0/other")}
        assert http.request("GET", slack.place + PATH + HEALTH).status == 200
    assert set(answers.values()) == {404}


def test_without_its_path_the_process_does_not_start(tmp_path: Path) -> None:
    command = [*processes.python_command("local.slack", tmp_path), "--port", "0", "--folder", str(tmp_path)]
    done = subprocess.run(
        [*command, "--path-from-stdin"],
        cwd=folders.REPOSITORY,
        input="\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "FAILED  the stand-in for Slack got no webhook path on its stdin\n"


def test_it_is_silent_about_its_webhook(slack: SlackServer, capfd: pytest.CaptureFixture[str]) -> None:
    said(slack, {"text": "hello"})
    said(slack, b"{")
    assert capfd.readouterr() == ("", "")
