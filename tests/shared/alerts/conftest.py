"""Slack's stand-in as a real HTTP server, for each test its own; its webhook's token is to be seen nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.slack import Slack
from tests.shared.alerts.making import WEBHOOK_PATH


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Slack]:
    with Slack(tmp_path, path=WEBHOOK_PATH) as running:
        yield running
