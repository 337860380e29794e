"""The protocol between extract and the kinds of source. Each kind is a module or a package beside this one.

A run opens a session of each reader. A session shows its source as of one moment. Extract needs four things for each
of its tables: what is there (`view`), what changed since a cursor (`changes`), the rows (`TableChanges.read`) and the
next cursor (`TableChanges.next_cursor`). Extract decides everything else and writes one record for all readers.
"""

import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from shared.catalogue import SourceTable
from shared.errors import PermanentError, TransientError
from shared.frames import Frame
from shared.lake.documents import Cursor, Snapshot
from shared.warehouse.registry import Target

T = TypeVar("T")
Sleep = Callable[[float], None]

# The folder of the product's code: an unforeseen error is reported by its last line there, not by that of a library.
PRODUCT = str(Path(__file__).parents[2])


class TableError(Exception):
    """One table could not be read. It never leaves the extract stage.

    `hold` says whether a person must look; otherwise the next run tries again. `bug` is what the log shows of an error
    that the code did not foresee: its class and its place.
    """

    def __init__(self, reason: str, hold: bool, bug: Mapping[str, str] | None = None) -> None:
        self.reason, self.hold, self.bug = reason, hold, bug or {}
        super().__init__(reason)


def table_error(error: Exception) -> TableError:
    """Return what was raised while one table was read as a TableError.

    An unforeseen error is reported by its class alone: its text may hold values of a row.
    """
    match error:
        case TableError():
            return error
        case PermanentError() | TransientError():
            return TableError(str(error), hold=isinstance(error, PermanentError))
    name = type(error).__name__
    place = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(PRODUCT)][-1]
    bug = {"error": name, "at": f"{Path(place.filename).name}:{place.lineno}"}
    return TableError(f"reading it failed with an unforeseen {name}; run logs.sh extract", hold=True, bug=bug)


class TableView(NamedTuple):
    """A table as its source has it.

    `columns` are all its columns with their types; empty when there is no such table. `fingerprint` changes with them.
    `difference` says how the table differs from the catalogue in a way that forbids reading it; `error` says why it
    cannot be read although it is as the catalogue says.
    """

    columns: Mapping[str, str] = {}
    fingerprint: str = ""
    difference: str | None = None
    error: TableError | None = None

    def undeclared(self, table: SourceTable) -> list[str]:
        """Return the columns that the catalogue does not have."""
        declared = {column.name for column in table.columns}
        return [name for name in self.columns if name not in declared]


class TableDescription(NamedTuple):
    """A table of a source that the catalogue may not have, for a person who declares it.

    `columns` are its columns with their types, in order; those that are `required` cannot be null. `primary_key` are
    the columns of that key, `unique` the columns that identify a row alone. `references` has the table and column that
    a foreign key names, by column; `is_referenced` says whether one of another table names this table. `bytes` is its
    size on disk. `problem` says what keeps extract from reading it, `grant` the statement that gives it the right to;
    both are empty when nothing is needed.
    """

    columns: Mapping[str, str]
    required: tuple[str, ...]
    primary_key: tuple[str, ...]
    unique: tuple[str, ...]
    references: Mapping[str, tuple[str, str]]
    is_referenced: bool
    bytes: int
    problem: str = ""
    grant: str = ""


class TableChanges(Protocol):
    """The rows of one table that a run must read.

    `reason` says why they are the whole table; None when they are only what changed since the cursor.
    """

    @property
    def reason(self) -> str | None: ...

    def count(self, keys: Sequence[int]) -> int:
        """Return how many rows `read` would deliver."""

    def read(self, keys: Sequence[int], on_frame: Callable[[Frame], None]) -> None:
        """Deliver the rows as frames of SourceTable.batch_columns, and those of `keys` although they did not change."""

    def next_cursor(self, read_for: dict[str, str]) -> Cursor:
        """Return where the next run continues. Call it after `read`, or alone when there is nothing to read.

        `read_for` goes into the cursor: see Cursor.
        """


class SourceSession(Protocol):
    """One source, opened for one run. A `cursor` is one that this kind of reader has made."""

    @property
    def snapshot(self) -> Snapshot:
        """Return the moment as of which the tables are read, by the source's clock."""

    @property
    def durability_problem(self) -> str | None:
        """Return why the source cannot guarantee that a crash keeps what was read; None when it can."""

    def take_lock(self, stack: str, patience_s: float, sleep: Sleep) -> bool:
        """Return whether this session is now the stack's only one, until it closes. Wait up to `patience_s` for it."""

    def begin(self, timeout_s: int, tables: Sequence[SourceTable]) -> None:
        """Fix the moment as of which `tables` are read: all that this session is for. A step may take `timeout_s`."""

    def view(self, table: SourceTable) -> TableView:
        """Return the table as it is there."""

    def describe(self, name: str) -> TableDescription | None:
        """Return what a declaration of the table `name` needs; None when the source has no such table."""

    def undeclared_tables(self) -> list[str]:
        """Return the names of its tables that the catalogue does not have."""

    def reason_for_full(self, table: SourceTable, cursor: Any) -> str | None:
        """Return why `cursor` says nothing about the table as it is now; None when it shows what changed since."""

    def changes(self, table: SourceTable, cursor: Any, *, changed_only: bool) -> TableChanges:
        """Return what changed since `cursor`, or the whole table when it is None.

        With `changed_only` deletions are left for the run after this one to find.
        """

    def count(self, target: Target) -> int:
        """Return how many rows the warehouse table should have, of whose sources this session has all."""

    def guarded(self, read: Callable[[], T], timeout_s: float | None = None) -> T:
        """Return what `read` returns. Raise TableError when it fails for a reason that concerns one table only.

        The session can then still read the others. Each step that takes longer than `timeout_s` is cancelled.
        """

    def limit(self, seconds: float) -> None:
        """Cancel each later step that takes longer."""

    def end(self) -> None:
        """End the reading."""

    def wait_durable(self, sleep: Sleep) -> None:
        """Return once a crash of the source can no longer undo what was read. Raise NotYet after too long a wait.

        Call it after `end`, and only when a record is to be written.
        """


class SourceReader(Protocol):
    """A kind of source. A table of the catalogue names it, and so does each of its cursors."""

    @property
    def name(self) -> str: ...

    def open(self) -> AbstractContextManager[SourceSession]:
        """Connect to the source."""
