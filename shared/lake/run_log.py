"""The run log in the ingestion bucket: records written once, found by a hint and one short listing."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import MissingObject
from shared.lake import keys
from shared.lake.documents import ChangeMessage, RunRecord, decode, encode

# One listing answers with at most 1,000 keys, so so many markers are looked at for the price of one.
MARKERS_LOOKED_AT = 1000
# A record is some ten milliseconds away; a client of AWS keeps ten connections.
READERS = 8


class Hint(msgspec.Struct, frozen=True):
    """health/latest.json: where to start listing. It may lag, be missing, or be wrong."""

    run: int


class RunLog:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def get(self, run: int) -> RunRecord:
        """Raises MissingObject, BadDocument."""
        key = keys.run_key(run)
        return decode(self.bucket.get(key), RunRecord, key)

    def newest(self) -> RunRecord | None:
        number = self.newest_number()
        return self.get(number) if number else None

    def newest_number(self) -> int:
        """The highest run; 0 when there is none."""
        # From the hinted run itself on: nothing found means that the hint names a run that is not there.
        return self._last_after(max(self._hint() - 1, 0)) or self._last_after(0)

    def since(self, run: int) -> Iterator[RunRecord]:
        """The records after `run`, in order."""
        yield from map(self.get, self.numbers(after=run))

    def read(self, runs: Sequence[int], readers: int = READERS) -> list[RunRecord]:
        """Their records, in that order, so many at once."""
        with ThreadPoolExecutor(readers) as pool:
            return list(pool.map(self.get, runs))

    def numbers(self, after: int) -> Iterator[int]:
        """The runs after `after`, in order."""
        yield from map(keys.run_of, self.bucket.list(keys.RUNS, after=keys.run_key(after)))

    def commit(self, record: RunRecord) -> bool:
        """Create the record: the commit of its run. False when another attempt has that number."""
        return self.bucket.create(keys.run_key(record.run), encode(record))

    def hint(self, run: int) -> None:
        self.bucket.put(keys.LATEST_HINT, msgspec.json.encode(Hint(run=run)))

    def unpublished(self, newest: int) -> list[int]:
        """The runs up to `newest`, of the last thousand, whose messages may never have been sent."""
        first = max(newest - MARKERS_LOOKED_AT, 0)
        marked = {keys.run_of(key) for key in self.bucket.list(keys.PUBLISHED, after=keys.published_key(first))}
        return [run for run in range(first + 1, newest + 1) if run not in marked]

    def mark_published(self, run: int) -> None:
        self.bucket.create(keys.published_key(run), b"{}")

    def _last_after(self, run: int) -> int:
        return max(self.numbers(after=run), default=0)

    def _hint(self) -> int:
        """The hinted run; 0 when there is no hint, which costs a longer listing and nothing more."""
        try:
            return msgspec.json.decode(self.bucket.get(keys.LATEST_HINT), type=Hint).run
        except (MissingObject, msgspec.DecodeError):
            return 0


def messages_of(record: RunRecord) -> list[ChangeMessage]:
    """One change message per table that has a batch in this run."""
    return [ChangeMessage(version=1, log=record.log, run=record.run, table=table) for table in record.changed]
