"""A small warehouse to load: a set, two dimensions and a fact, with run records and manifests made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pg8000.native import Connection as Native
from sqlalchemy import Column as Declared
from sqlalchemy import Date, Integer, MetaData, Numeric, String, Table, Time

from conftest import SCHEMA, Database
from local import logins
from shared.aws.bucket import S3Bucket
from shared.columns import DATE, INTEGER, MONEY, TEXT, TIME, Column, Kind
from shared.frames import Frame, Series
from shared.lake import keys, parquet
from shared.lake.documents import Batch, Manifest, Mode, Part, Quarantined, RunRecord, Snapshot, TableState, encode
from shared.lake.run_log import RunLog
from shared.ledger.entries import COUNTS
from shared.ledger.stage import REJECTED_COLUMNS
from shared.load.load_pass import LoadDependencies, load_pass
from shared.load.memory import LoadMemory
from shared.load.result import LoadResult
from shared.load.schema.migrate import migrate
from shared.load.schema.runner import Report
from shared.load.session import WarehouseSession
from shared.postgres.connection import quoted
from shared.warehouse.registry import Target

BEGIN = datetime(2020, 1, 6, 9, 0)
CREATED = datetime(2020, 1, 5, 12, 0)
YEARS = 100 * 365 * 86_400.0

Row = Sequence[Any]
metadata = MetaData()


def target_of(name: str, kind: Any, key: str, source: str, columns: Sequence[Column], **more: Any) -> Target:
    record_id = more.pop("record_id", None)
    tables = more.pop("metadata", metadata)
    types: dict[Kind, Any] = {
        INTEGER: Integer,
        TEXT: String,
        DATE: Date,
        TIME: Time,
        MONEY: Numeric(10, 2),
    }
    made = [Declared(record_id, Integer, primary_key=True, autoincrement=True)] if record_id else []
    made += [
        Declared(
            column.name,
            types[column.kind],
            primary_key=column.name == key and not record_id,
            autoincrement=False,
            nullable=column.nullable,
            index=column.name == key and bool(record_id),
        )
        for column in columns
    ]
    table = Table(name, tables, *made, comment=f"A {kind} to test with")
    references = more.get("references", {})
    return Target(name, table, Frame, (source,), kind, key, record_id, tuple(columns), references, "0" * 16)


DAY = target_of("dim_day", "calendar", "day", "sales_order", [Column("day", DATE), Column("name", TEXT)])
COLOUR = target_of(
    "dim_colour",
    "dimension",
    "colour_id",
    "currency",
    [Column("colour_id", INTEGER), Column("name", TEXT, nullable=True)],
)
DEAL = target_of(
    "dim_deal",
    "dimension",
    "deal_id",
    "transaction",
    [Column("deal_id", INTEGER), Column("name", TEXT)],
)
SALE = target_of(
    "fact_sale",
    "fact",
    "sale_id",
    "sales_order",
    [
        Column("sale_id", INTEGER),
        Column("created_date", DATE),
        Column("created_time", TIME),
        Column("last_updated_date", DATE),
        Column("last_updated_time", TIME),
        Column("colour_id", INTEGER),
        Column("deal_id", INTEGER, nullable=True),
        Column("price", MONEY, nullable=True),
        Column("note", TEXT, nullable=True),
    ],
    record_id="sale_record_id",
    references={"colour_id": ("dim_colour", "colour_id"), "deal_id": ("dim_deal", "deal_id")},
)
TARGETS = {target.name: target for target in (COLOUR, DAY, DEAL, SALE)}


def declared(before: Target, *columns: Column) -> Target:
    """The same table with these columns, as another version declares it."""
    names = {column.name for column in columns}
    references = {name: to for name, to in before.references.items() if name in names}
    more: dict[str, Any] = {"record_id": before.record_id, "references": references}
    fingerprint = "-".join(column.name for column in columns)
    other = target_of(before.name, before.kind, before.key, before.sources[0], columns, metadata=MetaData(), **more)
    return replace(other, fingerprint=fingerprint)


def sale(key: int, note: str | None = None, colour: int = 1, deal: int | None = None, price: int | None = 250) -> Row:
    """`price` in hundredths."""
    day, time = CREATED.replace(hour=0), timedelta(hours=CREATED.hour)
    return (key, day, time, day, time, colour, deal, price, note)


RED = (1, "red")
BLUE = (2, "blue")


@dataclass(frozen=True)
class Brought:
    """What a run brings one table; `refused` are (key, reason)."""

    rows: Sequence[Row] = ()
    mode: Mode = "delta"
    refused: Sequence[tuple[str, str]] = ()


def delta(*rows: Row, refused: Sequence[tuple[str, str]] = ()) -> Brought:
    return Brought(rows, "delta", refused)


def full(*rows: Row, refused: Sequence[tuple[str, str]] = ()) -> Brought:
    return Brought(rows, "full", refused)


def frame_of(columns: Sequence[Column], rows: Sequence[Row]) -> Frame:
    return Frame({c.name: Series([row[i] for row in rows], dtype=c.kind.dtype) for i, c in enumerate(columns)})


def snapshot_of(run: int) -> datetime:
    return BEGIN + timedelta(minutes=run)


@dataclass
class Invoked:
    """Functions that only remember."""

    calls: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        self.calls.append((name, event))


@dataclass
class Ground:
    database: Database
    ingestion: S3Bucket
    processed: S3Bucket
    log: str = "log-a"
    schema: str = SCHEMA
    targets: Mapping[str, Target] = field(default_factory=lambda: TARGETS)
    later: timedelta = timedelta(0)
    """By how much its snapshots are later than `snapshot_of` says."""

    def __post_init__(self) -> None:
        self.functions = Invoked()
        self.memory = LoadMemory()
        self.runs: dict[int, dict[str, Brought]] = {}
        self.there: Native = self.database.owner()
        self.there.run(f"SET search_path TO {quoted(self.schema)}")

    def migrate(self, event: Mapping[str, object] | None = None, lock_s: int = 60) -> Report:
        with self.database.connect(logins.WAREHOUSE_OWNER) as owner:
            return migrate(owner, self.schema, self.database.login_name, event, self.targets, lock_s=lock_s)

    # ---- what is in the buckets

    def run(self, number: int, /, *, under: Target | None = None, **brought: Brought) -> None:
        """A committed run, and its manifests; `under` is one table's declaration where it was another."""
        self.commit(number, **brought)
        for table in brought:
            self.transform(number, table, under=under if under and under.name == table else None)

    def commit(self, number: int, /, **brought: Brought) -> None:
        """A committed run without any manifest."""
        self.runs[number] = brought
        states = {self.targets[table].sources[0]: one.mode for table, one in brought.items() if table in self.targets}
        record = RunRecord(
            version=1,
            log=self.log,
            run=number,
            attempt="0",
            cause="schedule",
            code="test",
            snapshot=Snapshot(taken_at=snapshot_of(number) + self.later, xmin=1, xmax=1),
            tables={
                source: TableState(batch=Batch(mode=mode, reason="", rows=0, parts=(), catalogue=""))
                for source, mode in states.items()
            },
            targets=tuple(brought),
            warehouse=tuple(self.targets),
        )
        assert RunLog(self.ingestion).commit(record)

    def transform(
        self,
        number: int,
        table: str,
        *,
        code: str = "test",
        rows_said: int | None = None,
        under: Target | None = None,
    ) -> None:
        """The manifest of one table in a run."""
        target, one = under or self.targets[table], self.runs[number][table]
        # Two parts, so that there is something to put together.
        parts = [self._part(target, number, i, rows) for i, rows in enumerate((one.rows[:1], one.rows[1:])) if rows]
        manifest = Manifest(
            version=1,
            log=self.log,
            run=number,
            table=table,
            mode=one.mode,
            snapshot_at=snapshot_of(number) + self.later,
            parts=tuple(parts),
            rows=len(one.rows) if rows_said is None else rows_said,
            sources={},
            quarantined=self._quarantined(table, number, one.refused),
            code=code,
            declaration=target.fingerprint,
        )
        self.processed.put(keys.manifest_key(number, table), encode(manifest))

    def _part(self, target: Target, run: int, number: int, rows: Sequence[Row]) -> Part:
        body = parquet.encode(frame_of(target.columns, rows), target.columns)
        sha256 = keys.content_hash(body)
        key = keys.table_part_key(target.name, snapshot_of(run), run, number, sha256)
        self.processed.put(key, body)
        return Part(key=key, sha256=sha256, rows=len(rows), bytes=len(body))

    def _quarantined(self, table: str, run: int, refused: Sequence[tuple[str, str]]) -> Quarantined | None:
        if not refused:
            return None
        body = parquet.encode(frame_of(REJECTED_COLUMNS, refused), REJECTED_COLUMNS)
        key = keys.quarantine_key(table, run, keys.content_hash(body))
        self.processed.put(key, body)
        return Quarantined(key=key, sha256=keys.content_hash(body), rows=len(refused))

    # ---- the loader

    def load(self, *, grace_period_s: float = 0, **more: Any) -> LoadResult:
        """One pass with the loader's own login; patience of 0 waits for nobody."""
        with self.database.connect() as connection:
            return load_pass(
                self.outside(WarehouseSession(connection, self.schema), grace_period_s=grace_period_s, **more),
                self.memory,
            )

    def outside(self, warehouse: WarehouseSession, **more: Any) -> LoadDependencies:
        usual: dict[str, Any] = {"time_left_s": lambda: 300.0, "grace_period_s": 0.0, "targets": self.targets}
        return LoadDependencies(
            warehouse=warehouse,
            ingestion=self.ingestion,
            processed=self.processed,
            functions=self.functions,
            migrate="migrate",
            **(usual | more),
        )

    # ---- what is in the warehouse

    def ask(self, statement: str) -> list[list[Any]]:
        return self.there.run(statement) or []

    def notes(self, table: str = "fact_sale") -> list[tuple[int, str | None]]:
        """(sale_id, note) in the order of records."""
        order = "sale_record_id" if table != "current_fact_sale" else "sale_id"
        return [(key, note) for key, note in self.ask(f"SELECT sale_id, note FROM {table} ORDER BY {order}")]

    def current(self) -> list[tuple[int, str | None]]:
        return self.notes("current_fact_sale")

    def colours(self) -> list[list[Any]]:
        return self.ask("SELECT * FROM dim_colour ORDER BY 1")

    def history(self, key: int) -> list[tuple[Any, ...]]:
        """(note, valid_from, valid_to, deleted_at), times as runs where they are a run's snapshot."""
        rows = self.ask(
            "SELECT note, valid_from, valid_to, deleted_at FROM history_fact_sale "
            f"WHERE sale_id = {key} ORDER BY sale_record_id"
        )
        return [(note, *(run_at(moment) for moment in moments)) for note, *moments in rows]

    def ledger(self, table: str) -> dict[str, Any]:
        """The newest entry of a table."""
        names = ("run", "load_no", "status", *COUNTS)
        columns = ", ".join(f'"{name}"' for name in names)
        row = self.ask(
            f"SELECT {columns} FROM etl_ledger WHERE table_name = '{table}' ORDER BY loaded_at DESC, run DESC LIMIT 1"
        )[0]
        return dict(zip(names, row, strict=True))

    def shown(self) -> list[Any]:
        """All that a reader sees, but for serial numbers and loading times."""
        statements = (
            "SELECT * FROM dim_day ORDER BY 1",
            "SELECT * FROM dim_colour ORDER BY 1",
            "SELECT * FROM dim_deal ORDER BY 1",
            "SELECT (to_jsonb(h) - 'sale_record_id')::text FROM history_fact_sale h ORDER BY sale_id, sale_record_id",
            "SELECT (to_jsonb(c) - 'sale_record_id')::text FROM current_fact_sale c ORDER BY sale_id",
        )
        return [self.ask(statement) for statement in statements]


def run_at(moment: datetime | None) -> Any:
    """The run that was read at `moment`; "created" or the moment itself when it is none."""
    if moment is None:
        return None
    minutes = (moment - BEGIN) / timedelta(minutes=1)
    return "created" if moment == CREATED else int(minutes) if minutes == int(minutes) else moment
