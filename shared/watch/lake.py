"""What watch reads of the ingestion bucket in a look, once for asking and looking; and what it need not read again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.errors import PermanentError
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import last_words
from shared.lake.pause import paused_since
from shared.lake.run_log import RunLog
from shared.load.health import LoadHealth
from shared.load.memory import LoadMemory
from shared.source.health import ExtractHealth


@dataclass(frozen=True)
class LakeState:
    """The bucket as of `at`, UTC with its zone: the last words of extract and load, None when they never spoke, the
    newest record, and since when the flow is paused. `problem` says why there is no `newest` to be read."""

    at: datetime
    extract: ExtractHealth | None
    load: LoadHealth | None
    newest: RunRecord | None
    paused: str | None
    problem: PermanentError | None = None

    @property
    def is_loaded(self) -> bool:
        """Whether load says that it has all that there is."""
        if self.load is None or self.newest is None:
            return False
        return (self.load.log, self.load.complete_run) == (self.newest.log, self.newest.run)


class WatchMemory:
    """What a warm watch has. A cold one reads all of it, and whatever a warm one finds otherwise than it left it.

    `records` are run records; `newest` is the newest of them, as it was last found by a listing; `complete` is the one
    up to which no manifest is missing; `wrote` is what this watch itself has put into health/watch.json last.
    """

    def __init__(self, records: LoadMemory | None = None) -> None:
        self.records = records or LoadMemory()
        self.newest: RunRecord | None = None
        self.complete: RunRecord | None = None
        self.wrote: msgspec.Struct | None = None


def read_lake(run_log: RunLog, memory: WatchMemory, now: Callable[[], datetime]) -> LakeState:
    bucket, at = run_log.bucket, now()
    # What extract has looked at is read before what came of it: a table is not called fresh for a run unseen.
    extract = last_words(bucket, keys.EXTRACT_HEALTH, ExtractHealth, must_be_sure=True)
    load = last_words(bucket, keys.LOAD_HEALTH, LoadHealth, must_be_sure=True)
    newest, problem = None, None
    try:
        newest = _newest(run_log, memory, extract, load)
    except PermanentError as error:
        problem = error
    return LakeState(at, extract, load, newest, paused_since(bucket), problem)


def _newest(
    run_log: RunLog, memory: WatchMemory, extract: ExtractHealth | None, load: LoadHealth | None
) -> RunRecord | None:
    """The newest record: without a listing where it is the one that was found by the last one.

    It is when nobody speaks of another, it is there as it was, and the next number is not. So only a log that begins
    behind a gap can be overlooked, until extract or load, which list each minute, have spoken of it.
    """
    known, memory.newest = memory.newest, None
    if known and _is_named(known, extract, load) and run_log.ends_with(known):
        memory.newest = known
    else:
        memory.newest = run_log.newest()
    return memory.newest


def _is_named(known: RunRecord, extract: ExtractHealth | None, load: LoadHealth | None) -> bool:
    """Whether extract and load have both seen this record last."""
    if extract is None or load is None:
        return False
    return (extract.run, extract.attempt, load.newest_run, load.log) == (known.run, known.attempt, known.run, known.log)
