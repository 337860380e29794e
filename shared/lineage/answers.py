"""The answers of why.sh. Every time is UTC. A field is null when it is not known, and `notes` explains why.

No value of a row is included except its key.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from shared.errors import BadDocument, CorruptObject, MissingObject, OtherDeclaration, Refused, Removed

T = TypeVar("T")


class LineageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what travels to the operator as JSON."""


class LoadAnswer(LineageAnswer, frozen=True, kw_only=True):
    """A row of the ledger. `seconds` are from the snapshot to the load; `load_no` as in etl_ledger."""

    log: str
    run: int
    load_no: int
    status: str
    mode: str | None
    manifest_sha256: str | None
    snapshot_at: datetime | None
    loaded_at: datetime
    seconds: float | None


class File(LineageAnswer, frozen=True, kw_only=True):
    """A part that holds the key."""

    key: str
    rows: int


class BatchAnswer(LineageAnswer, frozen=True, kw_only=True):
    """`part` is the one with the source's row, where one row of the source makes one of the warehouse."""

    table: str
    run: int
    mode: str
    reason: str
    rows: int
    part: File | None = None


class ManifestAnswer(LineageAnswer, frozen=True, kw_only=True):
    """`as_loaded`: the bytes in the bucket are those that the ledger took."""

    key: str
    sha256: str
    as_loaded: bool
    written_at: datetime
    mode: str
    rows: int
    quarantined: int
    code: str
    declaration: str


class Message(LineageAnswer, frozen=True, kw_only=True):
    log: str
    run: int
    table: str


class RunAnswer(LineageAnswer, frozen=True, kw_only=True):
    """A record of the run log. `messages` are those that woke the table's transform; none of a run whose batch was
    only joined."""

    log: str
    run: int
    key: str
    cause: str
    attempt: str
    code: str
    snapshot_at: datetime
    xmin: int | None
    xmax: int | None
    committed_at: datetime
    published_at: datetime | None
    messages: tuple[Message, ...]


class Chain(LineageAnswer, frozen=True, kw_only=True):
    """From a row back to the source. `id` is a fact's record id or a dimension's key, `key` its business id or key.
    `runs` begins with the run that was loaded."""

    table: str
    id: str
    key: str
    load: LoadAnswer | None
    inferred: bool
    manifest: ManifestAnswer | None = None
    part: File | None = None
    batches: tuple[BatchAnswer, ...] = ()
    runs: tuple[RunAnswer, ...] = ()
    notes: tuple[str, ...] = ()


class Version(LineageAnswer, frozen=True, kw_only=True):
    """A record of a fact, or the row of a dimension, with its cause: the run's, and the batches of that run."""

    id: str
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    deleted_at: datetime | None = None
    load: LoadAnswer | None = None
    inferred: bool = False
    cause: str | None = None
    batches: tuple[BatchAnswer, ...] = ()


class Entry(LineageAnswer, frozen=True, kw_only=True):
    """A row that waits or is quarantined, and the snapshot it is from."""

    log: str
    run: int
    at: datetime
    reason: str


class Deletion(LineageAnswer, frozen=True, kw_only=True):
    """`ended_at` is when the key was back."""

    log: str
    run: int
    deleted_at: datetime
    ended_run: int | None
    ended_at: datetime | None


class Arrival(LineageAnswer, frozen=True, kw_only=True):
    """What one warehouse table has of a key. `behind` are runs that it has yet to take, `held` why it is not read."""

    table: str
    versions: tuple[Version, ...]
    quarantined: tuple[Entry, ...]
    waiting: tuple[Entry, ...]
    deletions: tuple[Deletion, ...]
    behind: tuple[int, ...]
    held: str | None

    @property
    def is_empty(self) -> bool:
        return not (self.versions or self.quarantined or self.waiting or self.deletions)


class JourneyAnswer(LineageAnswer, frozen=True, kw_only=True):
    """From a key of the source, or a business id, into the warehouse. `others` is a line for each table that is made of
    the source's table and has no row for the key."""

    table: str
    key: str
    arrivals: tuple[Arrival, ...]
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Notes:
    """Collects why something is not known, each reason once. `is_removed`: an object was deleted because of its age."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}
        self.is_removed = False

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(self._lines)

    def add(self, line: str) -> None:
        self._lines[line] = None

    def tried(self, look: Callable[[], T]) -> T | None:
        """Return what `look` finds; return None and add a line when the object is missing or is not what it should
        be."""
        try:
            return look()
        except (MissingObject, Removed, CorruptObject, BadDocument, OtherDeclaration, Refused) as error:
            self.is_removed = self.is_removed or isinstance(error, Removed)
            self.add(str(error))
            return None


def utc(at: datetime) -> datetime:
    """Return the time in UTC; times without a zone are UTC everywhere here."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def maybe_utc(at: datetime | None) -> datetime | None:
    return None if at is None else utc(at)
