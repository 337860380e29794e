"""Read and write the run log in the ingestion bucket: records are created once, and found by a hint and one listing.

Runs are numbered without gaps, and a log that begins behind another one says so in its records. An object that is named
like a record but follows a gap is therefore skipped, unless its content shows that it belongs to this log.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from shared.aws.bucket import Bucket
from shared.errors import BadDocument, MissingObject, PermanentError
from shared.json import decode_json
from shared.lake import keys
from shared.lake.documents import ChangeMessage, RunRecord, decode, encode
from shared.lake.listing import ours

# A listing returns at most 1,000 keys, so that many markers cost one request.
MARKERS_READ = 1000
# Reading a record takes some ten milliseconds; a boto3 client keeps ten connections.
READERS = 8


class Hint(msgspec.Struct, frozen=True):
    """health/latest.json: where to start listing. It may lag, be missing, or be wrong."""

    run: int


class RunLog:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def get(self, run: int) -> RunRecord:
        """Return the record of `run`. Raises MissingObject, and BadDocument also when it is another run's."""
        key = keys.run_key(run)
        fix = f"put its former version back, or, if it never was ours: aws s3 rm s3://{self.bucket.name}/{key}"
        try:
            record = decode(self.bucket.get(key), RunRecord, key)
        except BadDocument as error:
            raise BadDocument(key, error.problem, fix) from error
        if record.run != run:
            raise BadDocument(key, f"it holds run {record.run}", fix)
        return record

    def newest(self) -> RunRecord | None:
        """Return the newest record of the living log, None when there is no run yet. Raises BadDocument."""
        hint = self._hint()
        # The listing starts with the hinted run itself: if that does not exist, the hint is wrong.
        return (self._newest_after(hint - 1, hint) if hint else None) or self._newest_after(0, 1)

    def ends_with(self, record: RunRecord) -> bool:
        """Return whether `record` is unchanged and the next number does not exist. These two reads replace a listing,
        but miss a log that begins behind a gap."""
        try:
            return self.get(record.run) == record and not self._has(keys.run_key(record.run + 1))
        except PermanentError:
            return False

    def newest_number(self) -> int:
        """Return the newest run's number, 0 when there is none."""
        newest = self.newest()
        return newest.run if newest else 0

    def since(self, run: int, newest: RunRecord | None = None) -> Iterator[RunRecord]:
        """Yield the living log's records after `run`, in order; `newest` is its newest, where that is known."""
        newest = newest or self.newest()
        yield from map(self.get, self.numbers(run, newest) if newest else ())

    def read(self, runs: Sequence[int], readers: int = READERS) -> list[RunRecord]:
        """Return the records of `runs`, in that order; `readers` of them are read at a time."""
        with ThreadPoolExecutor(readers) as pool:
            return list(pool.map(self.get, runs))

    def numbers(self, after: int, newest: RunRecord) -> Iterator[int]:
        """Yield the runs after `after` of the log that ends with `newest`, in order."""
        if after >= newest.run:
            return
        for run in self._numbers(max(after, newest.began - 1)):
            if run > newest.run:
                return
            yield run

    def last_number(self) -> int:
        """Return the highest number in the log's folders, of any log; 0 when there is none."""
        marked = ours(self.bucket, keys.PUBLISHED, keys.published_key(0), keys.run_of)
        return max(*self._numbers(0), *marked, 0, 0)

    def commit(self, record: RunRecord) -> bool:
        """Create the record, which commits its run. Return False when another attempt has that number."""
        return self.bucket.create(keys.run_key(record.run), encode(record))

    def hint(self, run: int) -> None:
        self.bucket.put(keys.LATEST_HINT, msgspec.json.encode(Hint(run=run)))

    def unpublished(self, newest: int, began: int = 1) -> list[int]:
        """Return those of the last thousand runs up to `newest` whose messages may not have been sent."""
        first = max(newest - MARKERS_READ, began - 1)
        marked = set(ours(self.bucket, keys.PUBLISHED, keys.published_key(first), keys.run_of))
        return [run for run in range(first + 1, newest + 1) if run not in marked]

    def mark_published(self, run: int) -> None:
        self.bucket.create(keys.published_key(run), b"{}")

    def was_used(self, run: int) -> bool:
        """Return whether the number was published but has no record: its run was deleted."""
        # In this order: a record is created before its marker.
        return self._has(keys.published_key(run)) and not self._has(keys.run_key(run))

    def _has(self, key: str) -> bool:
        try:
            self.bucket.get(key)
        except MissingObject:
            return False
        return True

    def _numbers(self, after: int) -> Iterator[int]:
        return ours(self.bucket, keys.RUNS, keys.run_key(after), keys.run_of)

    def _newest_after(self, after: int, expected: int) -> RunRecord | None:
        """Return the newest record after `after`; the log is known to have the run `expected`, or to begin with it."""
        newest: RunRecord | None = None
        damaged: BadDocument | None = None
        for first, last in unbroken(self._numbers(after)):
            try:
                record = self.get(last)
            except BadDocument as error:
                # Behind a gap it is not our record.
                damaged = damaged or (error if first == expected else None)
                continue
            begins_a_log = first <= record.began
            goes_on = record.log == newest.log if newest else not damaged and (first == expected or after == 0)
            if begins_a_log or goes_on:
                newest, damaged = record, None
        if damaged:
            raise damaged
        return newest

    def _hint(self) -> int:
        """Return the hinted run; 0 without a hint, which only makes the listing longer."""
        try:
            hint = decode_json(self.bucket.get(keys.LATEST_HINT), Hint, keys.LATEST_HINT).run
        except (MissingObject, BadDocument):
            return 0
        return hint if 0 < hint <= keys.LAST_RUN else 0


def unbroken(runs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each series of consecutive numbers."""
    first = last = 0
    for run in runs:
        if run != last + 1 or not first:
            if first:
                yield first, last
            first = run
        last = run
    if first:
        yield first, last


def messages_of(record: RunRecord) -> list[ChangeMessage]:
    """Return one change message per table that has a batch in this run."""
    return [ChangeMessage(version=1, log=record.log, run=record.run, table=table) for table in record.changed]
