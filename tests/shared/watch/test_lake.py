"""A warm watch lists nothing while nothing moves, and sees what a cold one sees: whatever is lost or put back."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.aws.bucket import S3Bucket
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.run_log import RunLog
from shared.load.health import LoadHealth
from shared.source.health import ExtractHealth
from shared.watch.lake import LakeState, WatchMemory, read_lake
from tests.shared.lake.test_run_log import record
from tests.simulation.cloud import S3

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class Counting(S3Bucket):
    """A bucket in memory; `calls` counts what was asked of it."""

    def __init__(self) -> None:
        self.s3, self.calls = S3(), Counter[str]()
        self.s3.create_bucket("ingestion")
        super().__init__("ingestion", self.s3)

    def get(self, key: str) -> bytes:
        self.calls["get"] += 1
        return super().get(key)

    def list(self, prefix: str, after: str = "") -> Iterator[str]:
        self.calls["list"] += 1
        return super().list(prefix, after)


class Stack:
    """Extract, load and watch, as far as they speak to one another; a record's attempt tells it from another's."""

    def __init__(self) -> None:
        self.bucket, self.memory, self.attempts = Counting(), WatchMemory(), 0
        self.log = RunLog(self.bucket)
        self.kept: dict[str, bytes] = {}

    # ---- what happens

    def commit(self) -> RunRecord:
        """A run whose extract dies before anybody hears of it."""
        newest = self.log.newest()
        return self._commit(newest.run + 1 if newest else 1, newest)

    def extract(self) -> None:
        self.log.hint(self.commit().run)
        self.speak()

    def speak(self) -> None:
        """A look of extract that found nothing."""
        newest = self.log.newest()
        run, attempt = (newest.run, newest.attempt) if newest else (0, "")
        health = ExtractHealth(NOW, NOW.replace(tzinfo=None), run, (), {}, attempt=attempt)
        self.bucket.put(keys.EXTRACT_HEALTH, msgspec.json.encode(health))

    def load(self) -> None:
        newest = self.log.newest()
        run, log = (newest.run, newest.log) if newest else (0, "")
        self.bucket.put(keys.LOAD_HEALTH, msgspec.json.encode(LoadHealth(NOW, log, run, run, 0, {}, {}, seen_run=run)))

    def begin_log(self) -> None:
        """Behind a gap, and its extract dies before anybody hears of it."""
        self._commit(self.log.last_number() + 5)

    def lose(self) -> None:
        """The newest record is deleted."""
        if newest := self.log.newest():
            self.bucket.s3.delete_object(Bucket="ingestion", Key=keys.run_key(newest.run))

    def replace(self) -> None:
        """The newest record is another one."""
        if newest := self.log.newest():
            self.attempts += 1
            other = msgspec.structs.replace(newest, attempt=str(self.attempts))
            self.bucket.put(keys.run_key(newest.run), msgspec.json.encode(other))

    def spoil(self) -> None:
        newest = self.log.newest()
        self.bucket.put(keys.run_key(newest.run if newest else 1), b"not json")

    def spoil_next(self) -> None:
        newest = self.log.newest()
        self.bucket.put(keys.run_key(newest.run + 1 if newest else 1), b"not json")

    def keep(self) -> None:
        self.kept = dict(self.bucket.s3.buckets["ingestion"])

    def put_back(self) -> None:
        """All of the bucket, health/ too."""
        self.bucket.s3.buckets["ingestion"] = dict(self.kept)

    def forget(self) -> None:
        """All that extract and load have said."""
        for key in (keys.EXTRACT_HEALTH, keys.LOAD_HEALTH, keys.LATEST_HINT):
            self.bucket.s3.delete_object(Bucket="ingestion", Key=key)

    def _commit(self, run: int, newest: RunRecord | None = None) -> RunRecord:
        self.attempts += 1
        log, began = (newest.log, newest.began) if newest else (f"log {run}", run)
        made = record(run, str(self.attempts), log, began)
        self.log.commit(made)
        return made

    # ---- what is seen

    def warm(self) -> LakeState:
        return read_lake(self.log, self.memory, lambda: NOW)

    def cold(self) -> LakeState:
        return read_lake(self.log, WatchMemory(), lambda: NOW)


@pytest.fixture
def stack() -> Stack:
    made = Stack()
    made.extract()
    made.load()
    made.warm()
    made.bucket.calls.clear()
    return made


def test_a_quiet_look_lists_nothing(stack: Stack) -> None:
    stack.speak()
    stack.load()
    stack.bucket.calls.clear()
    assert stack.warm() == stack.cold()
    stack.bucket.calls.clear()
    stack.warm()
    # The last words of two, the newest record and the one that is not there, and whether the flow is paused.
    assert stack.bucket.calls == {"get": 5}


def test_a_run_that_nobody_has_heard_of_is_seen_at_once(stack: Stack) -> None:
    record = stack.commit()
    assert stack.warm().newest == record


@pytest.mark.parametrize("how", ["lose", "replace"])
def test_a_newest_record_that_is_gone_or_another_is_seen_at_once(stack: Stack, how: str) -> None:
    before = stack.warm().newest
    getattr(stack, how)()
    assert stack.warm().newest == stack.cold().newest != before


@pytest.mark.parametrize("how", ["spoil", "spoil_next"])
def test_so_is_a_damaged_one(stack: Stack, how: str) -> None:
    getattr(stack, how)()
    assert (stack.warm().newest, str(stack.warm().problem)) == (None, str(stack.cold().problem))


@pytest.mark.parametrize("who", ["speak", "load"])
def test_a_log_that_begins_behind_a_gap_is_seen_when_extract_or_load_has_seen_it(stack: Stack, who: str) -> None:
    stack.begin_log()
    getattr(stack, who)()
    newest = stack.warm().newest
    assert newest and newest == stack.cold().newest and newest.began == newest.run


def test_while_one_of_the_two_has_said_nothing_it_lists(stack: Stack) -> None:
    stack.forget()
    stack.warm()
    assert stack.bucket.calls["list"] > 0


EVENTS = ("commit", "extract", "speak", "load", "lose", "replace", "keep", "put_back", "forget", "spoil", "begin_log")


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_whatever_happens_a_warm_watch_sees_what_a_cold_one_sees(events: list[str]) -> None:
    """After extract has looked, as it does each minute; of what it can read."""
    stack = Stack()
    for event in events:
        if stack.cold().problem is None or event in ("put_back", "forget"):
            getattr(stack, event)()
        warm, cold = stack.warm(), stack.cold()
        if warm.newest != cold.newest:
            # Nobody has spoken of the log that begins behind a gap.
            assert cold.newest and cold.newest.began == cold.newest.run
            stack.speak()
            warm = stack.warm()
        assert (warm.newest, str(warm.problem)) == (cold.newest, str(cold.problem))
