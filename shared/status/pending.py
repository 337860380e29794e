"""The records of the runs that are not wholly loaded: a day of them when one table has stood still for a day."""

from concurrent.futures import ThreadPoolExecutor

from shared.lake.documents import RunRecord
from shared.lake.run_log import RunLog

# A record is some ten milliseconds away; so many connections a client of AWS keeps, less two.
READERS = 8


class Pending:
    """A record never changes: a warm function reads each of them once."""

    def __init__(self) -> None:
        self._known: dict[int, RunRecord] = {}

    def records(self, run_log: RunLog, complete_run: int, newest: RunRecord) -> list[RunRecord]:
        """Those after `complete_run` up to the newest, in order; one that was lost is left out."""
        runs = [run for run in run_log.numbers(after=complete_run) if run <= newest.run]
        known = {run: record for run, record in self._known.items() if record.log == newest.log}
        unread = [run for run in runs if run not in known]
        with ThreadPoolExecutor(READERS) as pool:
            known.update(zip(unread, pool.map(run_log.get, unread), strict=True))
        self._known = {run: known[run] for run in runs}
        return list(self._known.values())
