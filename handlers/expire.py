"""Delete loaded data that is older than RETENTION_DAYS, on schedule; nothing if that is not set."""

from typing import Any

import msgspec

from handlers.invocation import Invocation, failure_logged, invocation, utc_now
from shared.aws.functions import LambdaFunctions
from shared.retention.expire import ExpireDependencies, LoadedRuns, expire


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    call = invocation(context)
    days = call.settings.retention_days
    if days is None:
        return {"off": True}
    with failure_logged("nothing was removed, or not all"):
        return expire(outside(call, days))


def outside(call: Invocation, days: int) -> ExpireDependencies:
    def loaded() -> LoadedRuns:
        """Ask inspect what the warehouse has loaded: this function has no login."""
        return msgspec.convert(
            LambdaFunctions().ask(call.settings.names.function("inspect"), {"do": "loaded"}), LoadedRuns
        )

    return ExpireDependencies(
        ingestion=call.ingestion,
        processed=call.processed,
        loaded=loaded,
        days=days,
        now=utc_now().replace(tzinfo=None),
        time_left_s=call.time_left_s,
    )
