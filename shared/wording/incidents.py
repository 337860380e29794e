"""The kinds of incidents, and what Slack, e-mail and status.sh say of one: title, sentence and command. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.wording.counting import counted, when

# The business was promised half an hour. The objective, a setting, is stricter, so that there is time to act.
CONTRACT_S = 1800


@dataclass(frozen=True)
class IncidentKind:
    """A kind of incident. `name` is its code, which documents hold; `command` is what to run.

    In `command`, {subject} is the incident's subject; {source} the first source of a warehouse table, or of the
    dimension that rows wait for; {whole} the sources that bring the whole table.
    """

    name: str
    title: str
    command: str

    @property
    def runbook(self) -> str:
        """Return the anchor of its heading in docs/runbook.md."""
        return self.name.replace(" ", "-")


DEAD_LETTERS = IncidentKind("dead letters", "messages that failed permanently", "retry.sh {subject}")
OLDEST_MESSAGE = IncidentKind("oldest message", "a message is not processed", "logs.sh {subject}")
TABLE_BEHIND = IncidentKind("table behind", "a run is not loaded", "status.sh {subject}")
TABLE_HELD = IncidentKind("table held", "a source table is not read", "catalogue.sh {subject}")
ROWS_QUARANTINED = IncidentKind("rows quarantined", "rows were rejected", "resync.sh {source} --quarantined")
ROWS_WAITING = IncidentKind("rows waiting", "rows wait for their dimension", "resync.sh {source}")
RECONCILE_DIFFERENCES = IncidentKind(
    "reconcile differences", "the warehouse differed from the source, and was repaired", "reconcile.sh"
)
TABLE_DAMAGED = IncidentKind("table damaged", "a loaded table was changed by hand", "resync.sh {whole}")
FRESHNESS = IncidentKind("freshness", "older than the objective", "status.sh {subject}")
EXTRACT_SILENT = IncidentKind("extract silent", "the source is not read", "logs.sh extract")
LOAD_SILENT = IncidentKind("load silent", "nothing is loaded", "logs.sh load")
RUN_REFUSED = IncidentKind("run refused", "a run cannot be loaded", "logs.sh load")
TWO_LOGS = IncidentKind("two logs", "two stacks feed one warehouse", "logs.sh load")
LOG_WENT_BACK = IncidentKind("run log went back", "run numbers would be used twice", "new_log.sh")
ACCOUNT_EXPIRES = IncidentKind("account expires", "the account ends, and all that is in it", "status.sh")

KINDS = (
    DEAD_LETTERS,
    OLDEST_MESSAGE,
    TABLE_BEHIND,
    TABLE_HELD,
    ROWS_QUARANTINED,
    ROWS_WAITING,
    TABLE_DAMAGED,
    RECONCILE_DIFFERENCES,
    FRESHNESS,
    EXTRACT_SILENT,
    LOAD_SILENT,
    RUN_REFUSED,
    TWO_LOGS,
    LOG_WENT_BACK,
    ACCOUNT_EXPIRES,
)

# What creates a table that does not exist.
DEPLOY = "deploy.sh"


def command(script: str, subject: str, source: str, whole: Iterable[str], options: str) -> str:
    """Return the command as it is typed in the checkout; `script` is an IncidentKind's command, or DEPLOY."""
    text = script.format(subject=subject, source=source, whole=" ".join(whole))
    return " ".join(f"./infra_bash/{text} {options}".split())


# ---- what was measured, in a sentence


def extract_silent(at: datetime | None) -> str:
    return f"extract last checked the source {when(at)}"


def load_silent(at: datetime | None) -> str:
    return f"load last succeeded {when(at)}"


def account_expires(at: datetime, now: datetime) -> str:
    """Return when the account ends, or should have ended."""
    hours = (at - now).total_seconds() / 3600
    ends = f"the account ends at {at:%F %H:%M} UTC, in {hours:.1f} hours"
    return f"{ends if hours > 0 else f'ACCOUNT_EXPIRES was {at:%F %H:%M} UTC'}; docs/aws.md: the next account"


def held(since_run: int, reason: str) -> str:
    return f"since run {since_run}: {reason}"


def postponed(since: datetime, checks: int, reason: str) -> str:
    return f"since {since:%F %T} UTC, in {checks} checks: {reason}"


def quarantined(rows: int) -> str:
    return f"{counted(rows, 'row')} in quarantine"


def waiting(rows: int, since: datetime | None, dimension: str | None) -> str:
    first = f"{since:%F %T} UTC" if since else "an unknown time"
    return f"{counted(rows, 'row')}, the first since {first}" + (f"; not in {dimension}" if dimension else "")


def differing(rows: int) -> str:
    found = counted(rows, "row")
    return f"the last reconcile found {found} that differed from the source; the next one must find none"


def table_missing(loaded_rows: int) -> str:
    return f"it does not exist, or the loader may not read it; {counted(loaded_rows, 'row')} were loaded"


def damaged(
    rows: tuple[int, int | None], entries: tuple[int, int | None], others: tuple[int, int | None], changed: int
) -> str:
    """Return the numbers that differ: each is what there is now, and what was loaded."""
    numbers = (
        (rows, "rows"),
        (entries, "entries in etl_ledger"),
        (others, "rows in etl_deletion, etl_text_deletion, etl_waiting and etl_quarantine"),
    )
    found = [f"{now} {what}, and {loaded} were loaded" for (now, loaded), what in numbers if now != loaded]
    return "; ".join([*found, *([f"{changed} rows written by another than the loader"] if changed else [])])


def dead_letters(messages: int) -> str:
    return counted(messages, "message")


def oldest_message(messages: int, run: int) -> str:
    return f"{counted(messages, 'message')}, the oldest is of run {run}"


def behind(run: int, reason: str | None) -> str:
    return f"run {run}: {reason or 'it was not loaded'}"


def stale(fresh_as_of: datetime | None) -> str:
    if fresh_as_of is None:
        return "never loaded"
    return f"it shows the source as of {fresh_as_of:%F %T} UTC; the contract is {CONTRACT_S} s"
