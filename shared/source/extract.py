"""One run of the extraction: read what changed, commit its record, then publish it.

The order is the promise: parts are written, the source's WAL is known to be flushed, the run record is created
(the commit), the messages are sent, the run is marked as published. Killed anywhere, the next run goes on.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shared.errors import LogWentBack, Refused
from shared.lake import keys
from shared.lake.documents import RunRecord
from shared.lake.health import LoadProgress, last_words
from shared.lake.run_log import messages_of
from shared.source.database import Source
from shared.source.health import looked_before
from shared.source.report import report
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies, ExtractRun, Reading, begin_reading, rows_of

# One asked by a person, and the day's reconcile, waits for a scheduled run to end, and goes on behind the one that took
# its number meanwhile; a scheduled run leaves both to the next minute.
PATIENCE_S = 60.0
ATTEMPTS = 3


@dataclass(frozen=True)
class ExtractResult:
    """`run` is None when nothing changed, or when another extract was at work (`busy`)."""

    run: int | None
    published: int
    busy: bool = False
    rows: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        return asdict(self)


def extract(request: ExtractRequest, outside: ExtractDependencies) -> ExtractResult:
    outcome = _attempt(request, outside)
    for _ in range(ATTEMPTS - 1):
        if not (outcome.busy and request.forced):
            break
        outcome = _attempt(request, outside)
    return outcome


def _attempt(request: ExtractRequest, outside: ExtractDependencies) -> ExtractResult:
    newest, used = where_to_go_on(request, outside)
    published = publish_what_is_not(newest, outside)
    with outside.open_source() as connection:
        source = Source(connection)
        if not source.take_lock(outside.stack, PATIENCE_S if request.forced else 0, outside.sleep):
            return ExtractResult(None, published, busy=True)
        reading = begin_reading(source, outside.time_left_s(), looked_before(outside.run_log.bucket, newest))
        records, looked_at = read_records(request, outside, reading, newest, used)
        source.end()
        if not records:
            report(outside.run_log.bucket, outside.now(), reading, looked_at, newest, is_new=False)
            return ExtractResult(None, published)
        source.wait_flushed(reading.moment, outside.sleep)
    for record in records:
        refuse_used_number(record.run, outside)
        # Whoever loses throws everything away: a renumbered run would repeat what the winner has read.
        if not outside.run_log.commit(record):
            return ExtractResult(None, published, busy=True)
        publish(record, outside)
        outside.run_log.hint(record.run)
    report(outside.run_log.bucket, outside.now(), reading, looked_at, record, is_new=True)
    return ExtractResult(record.run, published + len(records), rows=sum(map(rows_of, records)))


def where_to_go_on(request: ExtractRequest, outside: ExtractDependencies) -> tuple[RunRecord | None, int]:
    """Return the newest record; or, where a log is to begin, None and the last number that was ever used.

    Raises LogWentBack when the loader has loaded a later run of this log, and Refused when all numbers are used.
    """
    # Read before the newest record: what was loaded by then is in the log by now.
    loaded = last_words(outside.run_log.bucket, keys.LOAD_HEALTH, LoadProgress)
    if request.new_log_after is not None:
        used = max(request.new_log_after, outside.run_log.last_number(), loaded.complete_run if loaded else 0)
        if used >= keys.LAST_RUN:
            raise Refused(f"run {used} is the last number there is: an object of the run log's name is not ours")
        return None, used
    newest = outside.run_log.newest()
    last = newest.run if newest else 0
    if loaded and (newest is None or loaded.log == newest.log) and loaded.complete_run > last:
        raise LogWentBack(f"run log {loaded.log} ends with run {last}, and run {loaded.complete_run} is loaded")
    if newest and loaded and (loaded.log, loaded.stopped) == (newest.log, LogWentBack.__name__):
        raise LogWentBack(f"load has refused run log {loaded.log}")
    return newest, 0


def refuse_used_number(run: int, outside: ExtractDependencies) -> None:
    """Raises LogWentBack when messages of another run of this number were sent."""
    if outside.run_log.was_used(run):
        raise LogWentBack(f"run {run} was published, and its record is gone")


def read_records(
    request: ExtractRequest,
    outside: ExtractDependencies,
    reading: Reading,
    newest: RunRecord | None,
    used: int = 0,
    kind: type[ExtractRun] = ExtractRun,
) -> tuple[list[RunRecord], dict[str, datetime]]:
    """The records that there is something to say in, each made to follow the one before; and Run.looked_at."""
    records: list[RunRecord] = []
    looked_at: dict[str, datetime] = {}
    for part in request.parts:
        run = kind(part, outside, reading, records[-1] if records else newest, used)
        record = run.read()
        records += [record] if record else []
        looked_at |= run.looked_at
    return records, looked_at


def publish_what_is_not(newest: RunRecord | None, outside: ExtractDependencies) -> int:
    """The outbox: publish every committed run that was not known to be published; how many there were."""
    runs = outside.run_log.unpublished(newest.run, newest.began) if newest else []
    for run in runs:
        publish(outside.run_log.get(run), outside)
    return len(runs)


def publish(record: RunRecord, outside: ExtractDependencies) -> None:
    outside.topic.publish(messages_of(record))
    outside.run_log.mark_published(record.run)
