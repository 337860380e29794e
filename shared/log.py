"""Log one JSON line per outcome: a fixed past-tense phrase and fields. Never rows, payloads or secrets.

A `warning` will be retried, an `error` needs a person. People search the phrases; programs read only the fields.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from shared.errors import TotestreamError, TransientError

Level = Literal["info", "warning", "error"]


def line(level: Level, phrase: str, **fields: object) -> str:
    return json.dumps({"level": level, "message": phrase, **fields}, default=str)


def info(phrase: str, **fields: object) -> None:
    print(line("info", phrase, **fields), flush=True)


def warning(phrase: str, **fields: object) -> None:
    print(line("warning", phrase, **fields), flush=True)


def error(phrase: str, **fields: object) -> None:
    print(line("error", phrase, **fields), flush=True)


def failure(phrase: str, problem: TotestreamError) -> None:
    """Log an error that was caught at the edge: a warning if it is transient, which only needs time."""
    level = warning if isinstance(problem, TransientError) else error
    level(phrase, error=problem.code, reason=str(problem))


def started_by(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the field that names the schedule which started the function: a deploy searches its last line for it."""
    return {"rule": str(event["rule"])} if "rule" in event else {}
