"""What is wrong with a stack, in sentences: takes a Problem of shared/status/problems.py as JSON. Pure."""

from collections.abc import Mapping
from shlex import quote
from typing import Any

Facts = Mapping[str, Any]


def problem_text(problem: Facts) -> str:
    """Return one sentence. A code of a later version is shown as it is."""
    subject = problem["subject"]
    match problem["code"]:
        case "paused":
            return f"paused since {problem['since']} UTC"
        case "watch_never_ran":
            return "watch has never run"
        case "watch_silent":
            return f"the last check of watch was {problem['seconds']:.0f} s ago"
        case "warehouse_silent":
            return f"warehouse: {problem['reason']}"
        case "incident":
            return f"{problem['kind']} {subject}".rstrip()
        case "dead_letters":
            return f"dead letters {subject}"
        case "rows_differ":
            return f"{subject}: {problem['rows']} rows of {problem['source_rows']}"
        case "not_read":
            return f"{subject}: {problem['reason']}"
        case "stranger":
            return f"{subject} is not an object of this stack and is ignored"
        case "alerts_reach_nobody":
            return f"alerts reach nobody: {problem['reason']}"
        case code:
            return f"{code} {subject}".rstrip()


def problem_command(problem: Facts) -> str:
    """Return the command that helps, without the options that choose the stack; "" for a code of a later version."""
    subject = problem["subject"]
    match problem["code"]:
        case "paused":
            return "./infra_bash/resume.sh"
        case "watch_never_ran" | "watch_silent":
            return "./infra_bash/logs.sh watch"
        case "warehouse_silent":
            return "./infra_bash/logs.sh load"
        case "dead_letters":
            return f"./infra_bash/retry.sh {subject}"
        case "rows_differ":
            return f"./infra_bash/resync.sh {' '.join(problem['resync'])}"
        case "not_read":
            return "./infra_bash/catalogue.sh"
        case "stranger":
            return f"aws s3 rm {quote(subject)}"
        case "alerts_reach_nobody":
            return "./infra_bash/deploy.sh --put-secrets"
    return ""
