"""Source rows and runs made by hand, and a lake on moto's S3 to keep them in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.aws.bucket import S3Bucket
from shared.catalogue import TABLES, SourceTable
from shared.columns import BOOLEAN, DATE, TEXT, TIME, TIMESTAMP
from shared.frames import Frame, empty_frame
from shared.lake import keys, parquet
from shared.lake.documents import Batch, Manifest, Mode, Part, RunRecord, Snapshot, TableState
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.transform.run import TransformResult, transform_run
from shared.transform.validation import QUARANTINE_COLUMNS
from shared.warehouse.registry import TARGETS, Target

CREATED, UPDATED = datetime(2024, 2, 29, 23, 59, 59, 999000), datetime(2024, 3, 1)
TAKEN_AT = datetime(2024, 3, 1, 9, 0, 30)

USUAL: dict[str, dict[str, Any]] = {
    "address": {
        "address_id": 1,
        "address_line_1": "1 High St",
        "city": "Ayr",
        "postal_code": "00012",
        "country": "Chad",
        "phone": "0042 000001",
    },
    "counterparty": {"counterparty_id": 1, "counterparty_legal_name": "Fahey and Sons", "legal_address_id": 1},
    "currency": {"currency_id": 1, "currency_code": "GBP"},
    "department": {"department_id": 1, "department_name": "Sales", "location": "Manchester"},
    "design": {"design_id": 1, "design_name": "Steel", "file_location": "/lib", "file_name": "steel.json"},
    "payment": {
        "payment_id": 1,
        "transaction_id": 2,
        "counterparty_id": 3,
        "payment_amount": 1_234_567_890,
        "currency_id": 4,
        "payment_type_id": 1,
        "paid": False,
        "payment_date": "2024-03-04",
        "company_ac_number": 12345678,
        "counterparty_ac_number": 87654321,
    },
    "payment_type": {"payment_type_id": 1, "payment_type_name": "SALES_RECEIPT"},
    "purchase_order": {
        "purchase_order_id": 1,
        "staff_id": 2,
        "counterparty_id": 3,
        "item_code": "0012345",
        "item_quantity": 5,
        "item_unit_price": 332,
        "currency_id": 6,
        "agreed_delivery_date": "2024-03-05",
        "agreed_payment_date": "2024-03-04",
        "agreed_delivery_location_id": 7,
    },
    "sales_order": {
        "sales_order_id": 1,
        "design_id": 2,
        "staff_id": 3,
        "counterparty_id": 4,
        "units_sold": 99973,
        "unit_price": 399,
        "currency_id": 5,
        "agreed_delivery_date": "2024-03-06",
        "agreed_payment_date": "2024-03-04",
        "agreed_delivery_location_id": 6,
    },
    "staff": {
        "staff_id": 1,
        "first_name": "Irving",
        "last_name": "O'Keefe",
        "department_id": 1,
        "email_address": "irving.o'keefe@terrifictotes.com",
    },
    "transaction": {"transaction_id": 1, "transaction_type": "SALE", "sales_order_id": 9},
}


def rows(table: str, *changes: dict[str, Any]) -> Frame:
    """One row of a source table per dictionary: its usual values with those changed, as a batch holds them."""
    usual = {"created_at": CREATED, "last_updated": UPDATED} | (USUAL.get(table) or made_from_kinds(TABLES[table]))
    frame = empty_frame(TABLES[table].batch_columns)
    dtypes = dict(frame.dtypes)
    made = [{name: (usual | change).get(name) for name in dtypes} for change in changes]
    return Frame({name: [row[name] for row in made] for name in dtypes}).astype(dtypes)


def made_from_kinds(table: SourceTable) -> dict[str, Any]:
    """A value for each column of a table that USUAL does not have, but for its times."""
    values = {TEXT: "a", BOOLEAN: True, DATE: datetime(2024, 2, 29), TIMESTAMP: CREATED, TIME: timedelta(hours=12)}
    times = ("created_at", "last_updated")
    return {column.name: values.get(column.kind, 1) for column in table.columns if column.name not in times}


@dataclass
class Lake:
    """Both buckets; `code` is the version that transforms."""

    ingestion: S3Bucket
    processed: S3Bucket
    code: str = "code-1"
    targets: Mapping[str, Target] = field(default_factory=lambda: TARGETS)

    def __post_init__(self) -> None:
        self.run_log, self.manifests = RunLog(self.ingestion), Manifests(self.processed)

    def batch(
        self, table: str, run: int, *parts: Frame, mode: Mode = "full", under: SourceTable | None = None
    ) -> Batch:
        """Written under the catalogue's declaration of the table, or another."""
        declared = under or TABLES[table]
        written = tuple(self._part(declared, run, number, frame) for number, frame in enumerate(parts))
        total = sum(part.rows for part in written)
        return Batch(mode=mode, reason="test", rows=total, parts=written, catalogue=declared.fingerprint)

    def _part(self, table: SourceTable, run: int, number: int, frame: Frame) -> Part:
        body = parquet.encode(frame, table.batch_columns)
        sha256 = keys.content_hash(body)
        key = keys.batch_part_key(table.name, TAKEN_AT, run, "attempt", number, sha256)
        assert self.ingestion.create(key, body)
        return Part(key=key, sha256=sha256, rows=len(frame), bytes=len(body))

    def commit(self, run: int, tables: dict[str, TableState], targets: tuple[str, ...] = tuple(TARGETS)) -> None:
        record = RunRecord(
            version=1,
            log="log-1",
            run=run,
            attempt="attempt",
            cause="schedule",
            code="code-1",
            snapshot=Snapshot(taken_at=TAKEN_AT, xmin=1, xmax=1),
            tables=tables,
            targets=targets,
            warehouse=tuple(TARGETS),
        )
        assert self.run_log.commit(record)

    def commit_payments(self, run: int, *parts: Frame, mode: Mode = "delta") -> None:
        self.commit(run, {"payment": TableState(full_run=1, batch=self.batch("payment", run, *parts, mode=mode))})

    def transform(self, target: str, run: int) -> TransformResult:
        return transform_run(
            self.targets[target],
            run,
            run_log=self.run_log,
            ingestion=self.ingestion,
            processed=self.processed,
            manifests=self.manifests,
            code=self.code,
        )

    def made(self, target: str, run: int) -> tuple[Manifest, list[Frame]]:
        """The manifest, and the rows of each of its parts."""
        manifest = self.manifests.get(run, target)
        columns = self.targets[target].columns
        return manifest, [parquet.decode(self.processed.get(p.key), columns, p.key) for p in manifest.parts]

    def quarantine(self, target: str, run: int) -> list[tuple[str, str]]:
        """Keys and reasons."""
        quarantined = self.manifests.get(run, target).quarantined
        assert quarantined
        frame = parquet.decode(self.processed.get(quarantined.key), QUARANTINE_COLUMNS, quarantined.key)
        return [(str(key), str(reason)) for key, reason in frame.itertuples(index=False)]

    def contents(self) -> dict[str, bytes]:
        return {key: self.processed.get(key) for key in self.processed.list("")}
