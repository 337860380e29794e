"""Slack's stand-in as a real HTTP server, for each test its own; its webhook's token is to be seen nowhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.slack import SlackServer
from shared.alerts.slack import Slack
from shared.aws.secrets import Webhook
from tests.shared.alerts.making import WEBHOOK_PATH, NewSlack, Time


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[SlackServer]:
    with SlackServer(tmp_path, path=WEBHOOK_PATH) as running:
        yield running


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def new_slack(stand_in: SlackServer, time: Time) -> NewSlack:
    def new_slack(
        url: str = stand_in.url,
        hosts: str = stand_in.place,
        try_s: float = 10.0,
        time_left_s: Callable[[], float] = lambda: time.left_s,
    ) -> Slack:
        return Slack(Webhook(url), "the/webhook", hosts, time_left_s, time.sleep, try_s)

    return new_slack
