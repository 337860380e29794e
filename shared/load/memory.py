"""What a warm function need not read or say again. A cold one loses nothing but time by having none."""

from collections.abc import Mapping, Set

from shared import log
from shared.aws.bucket import Bucket
from shared.errors import LogWentBack, MissingObject, PermanentError
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.manifests import Place
from shared.lake.run_log import READERS, RunLog
from shared.load.damage import CountedTables
from shared.load.warehouse import Taken

# Manifests of entries in the ledger that are compared with it in one look; the rest have their turn later.
COMPARED_PER_LOOK = 100


class LoadMemory:
    """`readers` is how many records are read at once."""

    def __init__(self, readers: int = READERS) -> None:
        self._readers = readers
        self._log = ""
        self._newest: RunRecord | None = None
        self._records: dict[int, RunRecord] = {}
        self._compared: dict[Place, str] = {}
        self.counted = CountedTables()

    def records(self, run_log: RunLog, newest: RunRecord, after: int, last: int) -> list[RunRecord]:
        """The records of the runs after `after` up to `last`; numbers have no gaps. `newest` was just read.

        Raises LogWentBack when one of them is of another log.
        """
        log_id = newest.log
        self._begin(log_id)
        self._follow(run_log, newest)
        # That of `after` itself stays: the next look begins by holding the warehouse to it.
        self._records = {run: record for run, record in self._records.items() if run >= after}
        unread = [run for run in range(after + 1, last + 1) if run not in self._records]
        read = run_log.read(unread, self._readers)
        if others := [record.run for record in read if record.log != log_id]:
            raise LogWentBack(f"run {others[0]} is no run of log {log_id}, which ends with later ones")
        self._records.update(zip(unread, read, strict=True))
        return [self._records[run] for run in range(after + 1, last + 1)]

    def _follow(self, run_log: RunLog, newest: RunRecord) -> None:
        """Forget all when the record that was the newest is another one now: a log that went back has another end."""
        seen, self._newest = self._newest, newest
        if seen and seen != newest and not (seen.run < newest.run and _is_there(run_log, seen)):
            self._records = {}

    def refusals(self, bucket: Bucket, log_id: str, taken: Mapping[Place, Taken], there: Set[Place]) -> dict[str, str]:
        """Why something may not be loaded, and of which table: the ledger has its place, the manifest was exchanged."""
        self._begin(log_id)
        present = sorted((place for place in taken if place in there), reverse=True)
        self._compared = {place: said for place, said in self._compared.items() if place in taken}
        # After the new ones those that were refused: a person puts them back.
        refused = [place for place, said in self._compared.items() if said]
        for place in [*(place for place in present if place not in self._compared), *refused][:COMPARED_PER_LOOK]:
            self._compared[place] = self._compare(bucket, place, taken[place])
        return {said: table for (_, table), said in self._compared.items() if said}

    def _compare(self, bucket: Bucket, place: Place, entry: Taken) -> str:
        run, table = place
        if entry.superseded:
            log.warning("manifest came too late", table=table, run=run, reason="a later run has superseded it")
            return ""
        try:
            sha256 = keys.content_hash(bucket.get(keys.manifest_key(run, table)))
        except MissingObject:
            return ""
        if sha256 == entry.manifest_sha256:
            return ""
        reason = f"{table}, run {run}: the manifest is not the one that was loaded; restore it, or resync the table"
        if reason != self._compared.get(place):
            log.error("manifest refused", table=table, run=run, reason=reason)
        return reason

    def _begin(self, log_id: str) -> None:
        if log_id != self._log:
            self._log = log_id
            self._records, self._compared, self._newest = {}, {}, None


def _is_there(run_log: RunLog, record: RunRecord) -> bool:
    try:
        return run_log.get(record.run) == record
    except PermanentError:
        return False
