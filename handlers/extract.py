"""Read what changed in totesys. `{}` on schedule; a person asks for `{"do": "count"}`, `{"do": "reconcile"}` or
`{"do": "resync", "tables": […]}`, for a new run log behind run 42 (`{"do": "new_log", "after": 42}`), for what that
would read (`{"do": "preview", "of": {…}}`) or how the source looks (`{"do": "catalogue"}`).
"""

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.logins import Logins
from shared.aws.topic import SnsTopic
from shared.errors import TotestreamError
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.run_log import RunLog
from shared.names import CHANGES
from shared.postgres.connection import Connection, connect
from shared.settings import Settings
from shared.source.extract import extract
from shared.source.preview import compare, preview
from shared.source.request import request_from_event
from shared.source.run import ExtractDependencies
from shared.warehouse.registry import TARGETS

LOGINS = Logins()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started = time.monotonic()
    try:
        return answer(event, outside(event, Settings(os.environ), context), started)
    except TotestreamError as error:
        log.failure("extraction failed", error)
        raise


def answer(event: dict[str, Any], outside: ExtractDependencies, started: float) -> dict[str, Any]:
    match event.get("do"):
        case "preview":
            return preview(request_from_event(event.get("of", {})), outside)
        case "catalogue":
            return compare(outside)
        case _:
            facts = extract(request_from_event(event), outside).facts
            seconds = round(time.monotonic() - started, 3)
            log.info("extraction done", **facts, seconds=seconds, **log.started_by(event))
            return facts


def outside(event: dict[str, Any], settings: Settings, context: Any) -> ExtractDependencies:
    def time_left_s() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def open_source() -> Connection:
        ca, plaintext = settings.get("DATABASE_CA"), settings.plaintext
        return LOGINS.connect(
            settings["SOURCE_SECRET"],
            lambda login: connect("source", login, ca=ca, plaintext=plaintext, timeout_s=time_left_s()),
            # Who asks may just have changed the secret, and wants to see what becomes of it.
            anew="do" in event,
        )

    names = settings.names
    return ExtractDependencies(
        run_log=RunLog(S3Bucket(names.bucket("ingestion"))),
        topic=SnsChangeTopic(SnsTopic(names.topic_arn(CHANGES))),
        open_source=open_source,
        targets=TARGETS,
        stack=names.prefix,
        code=settings.code,
        new_id=lambda: uuid.uuid4().hex,
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        time_left_s=time_left_s,
    )
