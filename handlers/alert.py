"""Tell a person what the topic alerts was told. So far it stands in the log alone."""

import os
from typing import Any

from shared import log
from shared.settings import Settings


def handler(event: dict[str, Any], context: Any) -> None:
    settings = Settings(os.environ)
    hosts = settings.get("SLACK_HOSTS") if settings.get("SLACK_SECRET") else ""
    for record in event["Records"]:
        log.warning("alert was heard", subject=record["Sns"].get("Subject", ""), slack_hosts=hosts)
