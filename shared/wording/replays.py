"""What a replay, or a check of a dead letter, says of a run. Takes a ReplayResult as JSON. Pure."""

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]

OUTCOMES = {"exists": "exists already", "not_expected": "not expected", "no_such_run": "no such run"}
DIFFERENCES = {
    "parts": "the checksums of its parts differ",
    "quarantine": "the checksum of its quarantine differs",
    "manifest": "the manifest differs, its checksums do not",
}
UNEXPECTED = "unexpected, see the function's log"


def outcome(code: str) -> str:
    """Return a ReplayOutcome in words."""
    return OUTCOMES.get(code, code)


def explained(result: Result) -> str:
    """Return what there is to say of a result besides its outcome; "" when there is nothing."""
    match result["outcome"]:
        case "made":
            return f"{result['rows']} rows, {result['quarantined']} quarantined"
        case "missing":
            return "replay.sh without --verify makes it"
        case "failed":
            return failure(result)
        case "same" | "differs":
            differences = [DIFFERENCES.get(code, code) for code in result["differences"]]
            return "; ".join([*differences, *map(one_line, result["damages"]), *_codes(result)])
        case _:
            return one_line(result["reason"])


def failure(result: Result) -> str:
    """Return an error's code and message."""
    return f"{result['error']}: {one_line(result['reason']) or UNEXPECTED}"


def one_line(text: str) -> str:
    return " ".join(text.split())


def _codes(result: Result) -> list[str]:
    return ["code {} made it, this is {}".format(*result["codes"])] if result["codes"] else []
