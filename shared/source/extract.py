"""One run of the extraction: read what changed, commit its record, then publish it.

The order guarantees that nothing is lost: parts are written, the sources are known to keep what was read, the run
record is created (the commit), the messages are sent, the run is marked as published. Killed anywhere, the next run
continues there.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from shared.errors import LogWentBack, Refused
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import LoadProgress, last_words
from shared.lake.run_log import messages_of
from shared.source.health import looked_before
from shared.source.reading import ReaderFailed, Reading, begin_reading, failures_of, opened_sessions
from shared.source.report import report
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies, ExtractRun, rows_of

# A run that a person started, and the daily reconcile, wait for a scheduled run to end, and try again when another run
# took their number meanwhile; a scheduled run leaves both to the next minute.
PATIENCE_S = 60.0
ATTEMPTS = 3


@dataclass(frozen=True)
class ExtractResult:
    """`run` is None when nothing changed, or when another extract was running (`busy`).

    `absent` are the keys, by table, that were requested and that the source does not have.
    """

    run: int | None
    published: int
    busy: bool = False
    rows: int = 0
    absent: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)


def extract(request: ExtractRequest, dependencies: ExtractDependencies) -> ExtractResult:
    """Commit a run of what changed, if anything did.

    When a reader fails, the tables of the others are read and committed all the same; then its error is raised.
    """
    result = _attempt(request, dependencies)
    for _ in range(ATTEMPTS - 1):
        if not (result.busy and request.forced):
            break
        result = _attempt(request, dependencies)
    return result


def _attempt(request: ExtractRequest, dependencies: ExtractDependencies) -> ExtractResult:
    newest, used = find_start(request, dependencies)
    published = publish_unpublished(newest, dependencies)
    failed: dict[str, Exception] = {}
    result = None
    while result is None and len(failed) < len(dependencies.readers):
        try:
            result = _read_and_commit(request, dependencies, newest, used, published, failed)
        except ReaderFailed as failure:
            # What was read is discarded: the next try reads the tables of the other readers.
            failed[failure.reader] = failure.error
    if result is None or failed:
        raise next(iter(failed.values()))
    return result


def _read_and_commit(
    request: ExtractRequest,
    dependencies: ExtractDependencies,
    newest: RunRecord | None,
    used: int,
    published: int,
    failed: Mapping[str, Exception],
) -> ExtractResult:
    with ExitStack() as exits:
        sessions = opened_sessions(dependencies.readers, failed, exits)
        for reader, session in sessions.items():
            with failures_of(reader):
                if not session.take_lock(dependencies.stack, PATIENCE_S if request.forced else 0, dependencies.sleep):
                    return ExtractResult(None, published, busy=True)
        before = looked_before(dependencies.run_log.bucket, newest)
        reading = begin_reading(sessions, dependencies.time_left_s(), failed, before)
        records, looked_at = read_records(request, dependencies, reading, newest, used)
        reading.end()
        if not records:
            report(dependencies.run_log.bucket, dependencies.now(), reading, looked_at, newest, is_new=False)
            return ExtractResult(None, published)
        reading.wait_durable(dependencies.sleep)
    for record in records:
        refuse_used_number(record.run, dependencies)
        # The loser of a race discards everything: a renumbered run would repeat what the winner has read.
        if not dependencies.run_log.commit(record):
            return ExtractResult(None, published, busy=True)
        publish(record, dependencies)
        dependencies.run_log.hint(record.run)
    report(dependencies.run_log.bucket, dependencies.now(), reading, looked_at, record, is_new=True)
    rows = sum(map(rows_of, records))
    return ExtractResult(record.run, published + len(records), rows=rows, absent=reading.absent)


def find_start(request: ExtractRequest, dependencies: ExtractDependencies) -> tuple[RunRecord | None, int]:
    """Return the newest record or, where a log is to begin, None and the last number that was ever used.

    Raises LogWentBack when the loader has loaded a later run of this log, and Refused when all numbers are used.
    """
    # Read before the newest record: what was loaded by then is in the log by now.
    loaded = last_words(dependencies.run_log.bucket, keys.LOAD_HEALTH, LoadProgress)
    if request.new_log_after is not None:
        used = max(request.new_log_after, dependencies.run_log.last_number(), loaded.complete_run if loaded else 0)
        if used >= keys.LAST_RUN:
            raise Refused(f"run {used} is the last possible number: an object that is named like a record is not ours")
        return None, used
    newest = dependencies.run_log.newest()
    last = newest.run if newest else 0
    if loaded and (newest is None or loaded.log == newest.log) and loaded.complete_run > last:
        raise LogWentBack(f"run log {loaded.log} ends with run {last}, and run {loaded.complete_run} is loaded")
    if newest and loaded and (loaded.log, loaded.stopped) == (newest.log, LogWentBack.code):
        raise LogWentBack(f"load has refused run log {loaded.log}")
    return newest, 0


def refuse_used_number(run: int, dependencies: ExtractDependencies) -> None:
    """Raise LogWentBack when messages of another run of this number were sent."""
    if dependencies.run_log.was_used(run):
        raise LogWentBack(f"run {run} was published, and its record is gone")


def read_records(
    request: ExtractRequest,
    dependencies: ExtractDependencies,
    reading: Reading,
    newest: RunRecord | None,
    used: int = 0,
    kind: type[ExtractRun] = ExtractRun,
) -> tuple[list[RunRecord], dict[str, datetime]]:
    """Return the records, each made to follow the one before, and the times as ExtractRun.looked_at has them.

    A record that would say nothing new is left out.
    """
    records: list[RunRecord] = []
    looked_at: dict[str, datetime] = {}
    for each in request.records:
        run = kind(each, dependencies, reading, records[-1] if records else newest, used)
        record = run.read()
        records += [record] if record else []
        looked_at |= run.looked_at
    return records, looked_at


def publish_unpublished(newest: RunRecord | None, dependencies: ExtractDependencies) -> int:
    """Publish every committed run that is not marked as published (the outbox). Return how many there were."""
    runs = dependencies.run_log.unpublished(newest.run, newest.began) if newest else []
    for run in runs:
        publish(dependencies.run_log.get(run), dependencies)
    return len(runs)


def publish(record: RunRecord, dependencies: ExtractDependencies) -> None:
    dependencies.topic.publish(messages_of(record))
    dependencies.run_log.mark_published(record.run)
