"""Remove what is loaded and older than RETENTION_DAYS, on schedule; nothing where that is not set."""

import os
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared import log
from shared.aws.bucket import S3Bucket
from shared.aws.functions import LambdaFunctions
from shared.errors import TotestreamError
from shared.retention.expire import ExpireDependencies, LoadedRuns, expire
from shared.settings import Settings


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    settings = Settings(os.environ)
    days = settings.retention_days
    if days is None:
        return {"off": True}
    try:
        return expire(outside(settings, days, context))
    except TotestreamError as error:
        log.failure("nothing was removed, or not all", error)
        raise


def outside(settings: Settings, days: int, context: Any) -> ExpireDependencies:
    names = settings.names

    def loaded() -> LoadedRuns:
        """The warehouse's own word, asked of inspect: this function has no login."""
        return msgspec.convert(LambdaFunctions().ask(names.function("inspect"), {"do": "loaded"}), LoadedRuns)

    return ExpireDependencies(
        ingestion=S3Bucket(names.bucket("ingestion")),
        processed=S3Bucket(names.bucket("processed")),
        loaded=loaded,
        days=days,
        now=datetime.now(UTC).replace(tzinfo=None),
        time_left_s=lambda: float(context.get_remaining_time_in_millis()) / 1000,
    )
