"""The stack's own metrics: watch puts them each minute, without dimensions, into the namespace `<project>-<stage>`.

They have no dimensions because each combination is billed as a metric of its own; a table's state is in its incident.
AWS gives an account ten metrics for free: these are eight.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["Count", "Seconds"]
"""Two of CloudWatch's units."""


@dataclass(frozen=True)
class Metric:
    """A CloudWatch metric; `meaning` is one line for readers of the dashboard."""

    name: str
    unit: Unit
    meaning: str


OPEN_INCIDENTS = Metric("OpenIncidents", "Count", "Incidents that have begun and not ended")
FRESHNESS = Metric("FreshnessSeconds", "Seconds", "Age of the source's state that the stalest table shows")
DEAD_LETTERS = Metric("DeadLetters", "Count", "Messages in all dead-letter queues")
OLDEST_MESSAGE = Metric("OldestMessageSeconds", "Seconds", "Age of the oldest run that a table has not loaded")
TABLES_BEHIND = Metric("TablesBehind", "Count", "Warehouse tables that have not loaded every run")
TABLES_HELD = Metric("TablesHeld", "Count", "Source tables that are not read because they do not match the catalogue")
ROWS_WAITING = Metric("RowsWaiting", "Count", "Fact rows that wait for a dimension row")
ROWS_QUARANTINED = Metric("RowsQuarantined", "Count", "Rejected rows that are not corrected yet")

METRICS = (
    OPEN_INCIDENTS,
    FRESHNESS,
    DEAD_LETTERS,
    OLDEST_MESSAGE,
    TABLES_BEHIND,
    TABLES_HELD,
    ROWS_WAITING,
    ROWS_QUARANTINED,
)
