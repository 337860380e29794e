"""The sources of one run, opened through their readers, each as of one moment."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from shared.catalogue import TABLES, SourceTable
from shared.lake.documents import Snapshot, TableState
from shared.source.readers.base import Sleep, SourceReader, SourceSession, TableError, TableView, table_error

# What is kept of the time left for writing the record and sending the messages.
RESERVE_S = 15


class ReaderFailed(Exception):
    """A reader cannot continue, for a reason that concerns more than one table. It never leaves the extract stage."""

    def __init__(self, reader: str, error: Exception) -> None:
        self.reader, self.error = reader, error
        super().__init__(reader)


@contextmanager
def failures_of(reader: str) -> Iterator[None]:
    """Raise what else than a TableError is raised inside as ReaderFailed."""
    try:
        yield
    except TableError:
        raise
    except Exception as error:
        # Each error, also an unforeseen one: it must not stop the other readers, and is raised when they are done.
        raise ReaderFailed(reader, error) from error


@dataclass(frozen=True)
class Reading:
    """The sessions of one run, by their reader's name, until it is ended.

    `failed` are the readers that could not be used, and why: their tables are left as they were. `postponed` are the
    tables that could not be read this time and need no person, and why; it is filled while they are read.
    `absent` are the keys, by table, that were requested and that the source does not have; it is filled as well.
    `looked_before` says, by table, when an earlier check found nothing new in it, by the source's clock.
    """

    sessions: Mapping[str, SourceSession]
    failed: Mapping[str, Exception] = field(default_factory=dict)
    looked_before: Mapping[str, datetime] = field(default_factory=dict)
    postponed: dict[str, str] = field(default_factory=dict)
    absent: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        """Return the run's moment: the earliest of the sessions', because every table was read up to it."""
        snapshots = sorted((each.snapshot for each in self.sessions.values()), key=lambda each: each.taken_at)
        postgres = next((each for each in snapshots if each.xmin is not None), snapshots[0])
        return Snapshot(taken_at=snapshots[0].taken_at, xmin=postgres.xmin, xmax=postgres.xmax)

    def session(self, table: SourceTable) -> SourceSession:
        """Return the session that reads the table. Raises TableError when there is none."""
        if table.reader in self.failed:
            raise TableError(table_error(self.failed[table.reader]).reason, hold=False)
        if table.reader not in self.sessions:
            raise TableError(f"there is no reader {table.reader}: correct shared/catalogue.py", hold=True)
        return self.sessions[table.reader]

    def view(self, table: SourceTable) -> TableView:
        """Return the table as its source has it, with an error when no session reads it."""
        try:
            return self.session(table).view(table)
        except TableError as error:
            return TableView(error=error)

    def looked_at(self, states: Mapping[str, TableState]) -> dict[str, datetime]:
        """Return the time of its session by each table whose changes were all read up to then."""
        found = {}
        for name, state in states.items():
            session = self.sessions.get(TABLES[name].reader)
            if session and state.cursor and state.cursor.looked_at == session.snapshot.taken_at:
                found[name] = session.snapshot.taken_at
        return found

    @property
    def durability_problem(self) -> str | None:
        """Return the first durability problem of a session; None when there is none."""
        return next((each.durability_problem for each in self.sessions.values() if each.durability_problem), None)

    def end(self) -> None:
        for reader, session in self.sessions.items():
            with failures_of(reader):
                session.end()

    def wait_durable(self, sleep: Sleep) -> None:
        """Return once no source's crash can undo what was read. Call it after `end`."""
        for reader, session in self.sessions.items():
            with failures_of(reader):
                session.wait_durable(sleep)


def opened_sessions(
    readers: Sequence[SourceReader], failed: Collection[str], exits: ExitStack
) -> dict[str, SourceSession]:
    """Return a session of each reader that has not failed, closed by `exits`. Raises ReaderFailed."""
    sessions: dict[str, SourceSession] = {}
    for reader in readers:
        if reader.name not in failed:
            with failures_of(reader.name):
                sessions[reader.name] = exits.enter_context(reader.open())
    return sessions


def begin_reading(
    sessions: Mapping[str, SourceSession],
    time_left_s: float,
    failed: Mapping[str, Exception] | None = None,
    looked_before: Mapping[str, datetime] | None = None,
) -> Reading:
    """Fix the moment of each session. Raises ReaderFailed."""
    for reader, session in sessions.items():
        tables = tuple(table for table in TABLES.values() if table.reader == reader)
        with failures_of(reader):
            session.begin(max(int(time_left_s) - RESERVE_S, 1), tables)
    return Reading(sessions, failed or {}, looked_before or {})
