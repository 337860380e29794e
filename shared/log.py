"""One JSON line per outcome: a fixed past-tense phrase plus fields. Never rows, payloads or secrets.

`warning` is something that will be retried, `error` something that needs a person.
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
    """The one line for an error caught at the edge: what helps against a transient one is to wait."""
    level = warning if isinstance(problem, TransientError) else error
    level(phrase, error=problem.code, reason=str(problem))


def started_by(event: Mapping[str, Any]) -> dict[str, str]:
    """The field that names the schedule, in the last line of what one has started: a deploy looks for it."""
    return {"rule": str(event["rule"])} if "rule" in event else {}
