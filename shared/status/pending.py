"""The records of the runs that are not wholly loaded: 1440 of them when one table has stood still for a day."""

from dataclasses import dataclass

from shared.lake.documents import RunRecord
from shared.lake.run_log import RunLog

# So many of the oldest, where what stands still began to, and of the newest, where the others are: an hour of each is
# read in a second, and all of a day took nine.
READ_AT_AN_END = 60


@dataclass(frozen=True)
class Pending:
    """In order; `unread` is how many there are between the oldest and the newest of `records`, and not among them."""

    records: tuple[RunRecord, ...] = ()
    unread: int = 0


def look_at_pending(run_log: RunLog, complete_run: int, newest: RunRecord) -> Pending:
    """Return the records after `complete_run` up to the newest; a lost record is left out."""
    runs = list(run_log.numbers(complete_run, newest))
    unread = runs[READ_AT_AN_END:-READ_AT_AN_END]
    return Pending(tuple(run_log.read(sorted(set(runs) - set(unread)))), len(unread))
