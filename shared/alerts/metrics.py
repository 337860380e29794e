"""The metrics of our own: what watch puts each minute, without dimensions, into the namespace `<project>-<stage>`.

Without dimensions, since each combination of them is a metric of its own and paid for; how it stands with one table,
its incident says. AWS gives an account ten metrics for nothing: these are eight.
"""

from dataclasses import dataclass
from typing import Literal

Unit = Literal["Count", "Seconds"]
"""Two of the words that CloudWatch knows."""


@dataclass(frozen=True)
class Metric:
    """`meaning` is one line for whoever looks at the dashboard."""

    name: str
    unit: Unit
    meaning: str


OPEN_INCIDENTS = Metric("OpenIncidents", "Count", "Incidents that have begun and not ended")
FRESHNESS = Metric("FreshnessSeconds", "Seconds", "How long ago the stalest table was what the source was")
DEAD_LETTERS = Metric("DeadLetters", "Count", "Messages in all dead-letter queues")
OLDEST_MESSAGE = Metric(
    "OldestMessageSeconds", "Seconds", "How long the oldest run that a table still lacks has been on its way"
)
TABLES_BEHIND = Metric("TablesBehind", "Count", "Warehouse tables that still have runs to take")
TABLES_HELD = Metric("TablesHeld", "Count", "Source tables that are not read because they changed their shape")
ROWS_WAITING = Metric("RowsWaiting", "Count", "Rows of facts that wait for a row of a dimension")
ROWS_QUARANTINED = Metric("RowsQuarantined", "Count", "Rows that were refused and are not mended yet")

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
