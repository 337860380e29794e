"""Read what changed in totesys. On schedule the event is `{}`. Other events: `{"do": "count"}`, `{"do": "reconcile"}`,
`{"do": "resync", "tables": […]}`, `{"do": "new_log", "after": 42}` (begin a new run log after run 42),
`{"do": "preview", "of": {…}}` (what another event would read), `{"do": "catalogue"}` (how the source looks) and
`{"do": "catalogue", "describe": "supplier"}` (also what a declaration of that table needs).
"""

import time
import uuid
from typing import Any

from handlers.databases import open_with_kept_login
from handlers.invocation import Invocation, failure_logged, invocation, utc_now
from shared import log
from shared.aws.topic import SnsTopic
from shared.lake.change_topic import SnsChangeTopic
from shared.names import CHANGES
from shared.source.extract import extract
from shared.source.preview import compare, preview
from shared.source.readers.postgres.reader import PostgresReader
from shared.source.request import request_from_event
from shared.source.run import ExtractDependencies
from shared.warehouse.registry import TARGETS


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    started = time.monotonic()
    with failure_logged("extraction failed"):
        return answer(event, outside(event, invocation(context)), started)


def answer(event: dict[str, Any], outside: ExtractDependencies, started: float) -> dict[str, Any]:
    match event.get("do"):
        case "preview":
            return preview(request_from_event(event.get("of", {})), outside)
        case "catalogue":
            return compare(outside, str(event.get("describe", "")))
        case _:
            facts = extract(request_from_event(event), outside).facts
            seconds = round(time.monotonic() - started, 3)
            counted = {**facts, "absent": sum(map(len, facts["absent"].values()))}
            log.info("extraction done", **counted, seconds=seconds, **log.started_by(event))
            return facts


def outside(event: dict[str, Any], call: Invocation) -> ExtractDependencies:
    settings, names = call.settings, call.settings.names
    return ExtractDependencies(
        run_log=call.run_log,
        topic=SnsChangeTopic(SnsTopic(names.topic_arn(CHANGES))),
        readers=(PostgresReader(lambda: open_with_kept_login("source", settings["SOURCE_SECRET"], call, event)),),
        targets=TARGETS,
        stack=names.prefix,
        code=settings.code,
        new_id=lambda: uuid.uuid4().hex,
        now=utc_now,
        sleep=time.sleep,
        time_left_s=call.time_left_s,
    )
