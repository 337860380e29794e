"""The JSON documents that the stages exchange, and the only way to read and write them.

Each has a `version`. A reader ignores unknown fields and refuses a document that lacks a required one, so that
documents in flight during an upgrade are understood. The bytes are a pure function of the content.
"""

from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from shared.catalogue import POSTGRESQL
from shared.errors import BadDocument
from shared.json import decode_json

Mode = Literal["delta", "full"]
S = TypeVar("S", bound=msgspec.Struct)


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Base of all documents that are written as JSON."""


class Part(Document, frozen=True, kw_only=True):
    key: str
    sha256: str
    rows: int
    bytes: int


class Batch(Document, frozen=True, kw_only=True):
    """One source table in one run: what changed (delta), or all of it at the run's snapshot (full).

    `catalogue` is the fingerprint of the table's declaration that the parts were written under. `newest_change_at` is
    the newest last_updated among the rows, UTC without a zone; None where there is none, or it was written before.

    What the batch brings was committed after `changed_after`, the snapshot of the last look at the table before this
    one, and not later than the run's snapshot. `left_out` is a code that says why that is not so, for its rows may have
    changed long before. Both None: written before this was kept.
    """

    mode: Mode
    reason: str
    rows: int
    parts: tuple[Part, ...]
    catalogue: str
    newest_change_at: datetime | None = None
    changed_after: datetime | None = None
    left_out: str | None = None


# Why a batch, or a load, says nothing of how long its changes took: beside a resync and a reconcile, by their cause.
FIRST_READ, NEW_DECLARATION = "first read", "new declaration"


class Cursor:
    """Where the next extraction of a table starts. Each kind of reader has its own, distinguished by the tag `reader`.

    A cursor without the tag is PostgreSQL's: it was written before there were other readers. `columns` fingerprints the
    source's columns. `count` is the number of its rows then, None where they were not counted. `read_for` are the
    declarations that all rows have been read under, by fingerprint: the catalogue's, under the table's own name, and
    that of each warehouse table made of it. `looked_at` is the time, by the source's clock, UTC without zone, up to
    which its changes were read. The latter two are None in cursors that were written before they existed.
    """

    __slots__ = ()

    columns: str
    count: int | None
    read_for: dict[str, str] | None
    looked_at: datetime | None

    @property
    def reader(self) -> str:
        """Return the name of the reader that made it."""
        return str(type(self).__struct_config__.tag)  # type: ignore[attr-defined]


class PostgresCursor(Document, Cursor, frozen=True, kw_only=True, tag_field="reader", tag=POSTGRESQL):
    """A cursor of PostgreSQL: docs/design.md, "The exact extraction".

    `server` says when the server was started whose transaction ids these are. `seen` are the transaction ids >= xmin
    whose rows the last reading saw. `count`, `checksum` and `max_key` are of all keys at that snapshot: the delete
    detector. `taken_from` identifies what the rows were read from, part by part (readers/postgres/live.py); None in
    cursors that were written before it existed.
    """

    server: str
    xmin: int
    seen: tuple[int, ...]
    oid: int
    relfilenode: int
    columns: str
    count: int
    checksum: int
    max_key: int | None
    read_for: dict[str, str] | None = None
    taken_from: dict[str, str] | None = None
    looked_at: datetime | None = None


def _cursor_from(type_: type, fields: Any) -> Any:
    """Decode a cursor's fields as the class that its tag names (msgspec's dec_hook). Raise msgspec.ValidationError."""
    kinds = {kind.__struct_config__.tag: kind for kind in Cursor.__subclasses__()}  # type: ignore[attr-defined]
    if type_ is not Cursor or not isinstance(fields, dict):
        raise msgspec.ValidationError("Expected a cursor")
    reader = fields.setdefault("reader", POSTGRESQL)
    if not isinstance(reader, str) or reader not in kinds:
        raise msgspec.ValidationError("a cursor is of a reader that this code does not know; deploy again")
    return msgspec.convert(fields, kinds[reader])


class Hold(Document, frozen=True, kw_only=True):
    """Why a source table is not read, and since which run."""

    since_run: int
    reason: str


class TableState(Document, frozen=True, kw_only=True):
    """A source table as a run left it.

    `full_run` is the run whose batch is the newest complete content. `batch` is what this run read.
    """

    cursor: Cursor | None = None
    full_run: int | None = None
    hold: Hold | None = None
    batch: Batch | None = None


class Snapshot(Document, frozen=True, kw_only=True):
    """The moment as of which a run's tables were read.

    `taken_at` is by the source's clock, UTC without a zone; of several sources the earliest. `xmin` and `xmax` are
    PostgreSQL's, for people; None when no PostgreSQL was read.
    """

    taken_at: datetime
    xmin: int | None = None
    xmax: int | None = None


# What a run was made for. A reconcile is two of one snapshot: first what had changed, then everything.
SCHEDULE, COUNT, RESYNC, RECONCILE = "schedule", "count", "resync", "reconcile"
NEW_LOG = "new log"
BEFORE_RECONCILE = "before reconcile"


class RunRecord(Document, frozen=True, kw_only=True):
    """runs/<run>.json: one committed extraction, and the only cursor there is.

    `attempt` makes a record recognisable to its writer, and to what was made of it. `began` is the first run of its
    log: before it lie the records of a former log, or none. `targets` are the warehouse tables this run must bring;
    `warehouse` all that the code of this run knew. `expected` counts, when the run was asked to, the rows that each
    warehouse table should show at this snapshot. `code` is a label for people, and decides nothing.
    """

    version: int
    log: str
    run: int
    attempt: str
    cause: str
    code: str
    snapshot: Snapshot
    tables: dict[str, TableState]
    targets: tuple[str, ...]
    warehouse: tuple[str, ...]
    expected: dict[str, int] | None = None
    began: int = 1

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the source tables that have a batch in this run: one change message each."""
        return tuple(name for name, state in sorted(self.tables.items()) if state.batch)

    def state(self, table: str) -> TableState:
        """Return the table's state, empty for a table that the code of this run did not know."""
        return self.tables.get(table, TableState())


class ChangeMessage(Document, frozen=True, kw_only=True):
    """Triggers the transforms of `table`; everything else is read from the run record."""

    version: int
    log: str
    run: int
    table: str


class Quarantined(Document, frozen=True, kw_only=True):
    """Rows that a transform rejected: a parquet file with the key as text and a reason per row."""

    key: str
    sha256: str
    rows: int


class Manifest(Document, frozen=True, kw_only=True):
    """manifests/<run>/<table>.json: what a transform made of one run. Created last, and once.

    No clock goes in: the same run and code give the same bytes. `attempt` is the run record's, so that the manifest
    is known to stand for this very record; empty in older ones. `sources` maps each source table to the run
    whose batch was read. `declaration` is the target's fingerprint that the parts were written under; `code` is a
    label for people, and decides nothing.
    """

    version: int
    log: str
    run: int
    table: str
    mode: Mode
    snapshot_at: datetime
    parts: tuple[Part, ...]
    rows: int
    sources: dict[str, int]
    quarantined: Quarantined | None
    code: str
    declaration: str
    attempt: str = ""

    def is_of(self, record: RunRecord) -> bool:
        """Return whether it was made of this record, and not of another one that had its number before."""
        return self.log == record.log and self.attempt in ("", record.attempt)


# A new field is no new version: it has a default, which is what it means in older documents. For any other change
# (a field renamed, dropped or meaning something else) the first release reads both versions, adding the new one
# here, and still writes the former; the next writes the new. So nothing in flight meets code that cannot read it. A
# version is taken out when no document of it is left: of records and manifests that is never.
VERSIONS: dict[type[msgspec.Struct], tuple[int, ...]] = {RunRecord: (1,), ChangeMessage: (1,), Manifest: (1,)}


def encode(document: Document) -> bytes:
    return msgspec.json.encode(document, order="deterministic")


def decode(body: bytes | str, kind: type[S], name: str) -> S:
    """Return the document in `body`. Raises BadDocument, naming it `name`, when this code does not understand it."""
    document = decode_json(body, kind, name, dec_hook=_cursor_from)
    version = getattr(document, "version", None)
    if kind in VERSIONS and version not in VERSIONS[kind]:
        raise BadDocument(name, f"its version is {version}, this code understands {VERSIONS[kind]}; deploy again")
    return document
