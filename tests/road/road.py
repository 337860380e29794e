"""The whole road in one process: the product's own stages, a real PostgreSQL, moto's S3, and a topic we hold."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from pg8000.native import Connection as Native

from conftest import SCHEMA, Database
from local import logins
from shared.aws.bucket import S3Bucket
from shared.lake.documents import ChangeMessage
from shared.lake.manifests import Manifests
from shared.lake.run_log import RunLog
from shared.load.load_pass import LoadDependencies, load_pass
from shared.load.result import LoadResult
from shared.load.schema.migrate import migrate
from shared.load.session import WarehouseSession
from shared.postgres.connection import Connection, quoted
from shared.source.extract import ExtractResult, extract
from shared.source.readers.postgres.reader import PostgresReader
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies
from shared.transform.run import transform_run
from shared.warehouse.registry import TARGETS, Target

ORACLE = Path(__file__).parent.parent / "oracle"
CODE = "test"
# A story takes seconds: it is told the same each time, and the first that fails is shown as it is, not shortened.
TOLD = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass
class Heard:
    """A topic that keeps what it is told until it is delivered."""

    messages: list[ChangeMessage] = field(default_factory=list)

    def publish(self, messages: Sequence[ChangeMessage]) -> None:
        self.messages += messages


@dataclass
class Invoked:
    """Functions that are remembered, and run when the road comes to it."""

    calls: list[Mapping[str, object]] = field(default_factory=list)

    def invoke_later(self, name: str, event: Mapping[str, object]) -> None:
        self.calls.append(event)


@dataclass
class Road:
    totesys: Database
    warehouse: Database
    ingestion: S3Bucket
    processed: S3Bucket
    log_name: str = "a"
    code: str = CODE
    targets: Mapping[str, Target] = field(default_factory=lambda: TARGETS)

    def __post_init__(self) -> None:
        self.topic, self.functions = Heard(), Invoked()
        self.run_log, self.manifests = RunLog(self.ingestion), Manifests(self.processed)
        # What differs comes first: an attempt is the beginning of one.
        self._ids = (f"{self.log_name}{number:011x}".ljust(32, "0") for number in count(1))
        self.connect()

    def connect(self) -> None:
        self.source = self.totesys.owner()
        self.there = self.warehouse.owner()
        self.there.run(f"SET search_path TO {SCHEMA}")

    def migrate(self, event: Mapping[str, object] | None = None) -> None:
        with self.warehouse.connect(logins.WAREHOUSE_OWNER) as owner:
            report = migrate(owner, SCHEMA, self.warehouse.login_name, event or {}, self.targets)
        assert not report.notes

    def add_foreign_keys(self) -> None:
        """What the loader has asked the migrate function for."""
        calls, self.functions.calls = self.functions.calls, []
        for event in calls:
            self.migrate(event)

    def extract(self, request: ExtractRequest | None = None) -> ExtractResult:
        outside = ExtractDependencies(
            run_log=self.run_log,
            topic=self.topic,
            readers=(PostgresReader(self.totesys.connect),),
            targets=self.targets,
            stack="totestream-test",
            code=self.code,
            new_id=lambda: next(self._ids),
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
            time_left_s=lambda: 300.0,
        )
        return extract(request or ExtractRequest(), outside)

    def transform(self, run: int, target: Target) -> None:
        transform_run(
            target,
            run,
            run_log=self.run_log,
            ingestion=self.ingestion,
            processed=self.processed,
            manifests=self.manifests,
            code=self.code,
        )

    def deliver(self, order: Callable[[list[ChangeMessage]], list[ChangeMessage]] = list) -> None:
        """Every message to every transform that asked for its table."""
        messages, self.topic.messages = order(self.topic.messages), []
        for message in messages:
            for target in self.targets.values():
                if message.table in target.sources:
                    self.transform(message.run, target)

    def load(self, grace_period_s: float = 600) -> LoadResult:
        with self.warehouse.connect() as connection:
            outside = LoadDependencies(
                warehouse=WarehouseSession(connection, SCHEMA),
                ingestion=self.ingestion,
                processed=self.processed,
                functions=self.functions,
                migrate="migrate",
                targets=self.targets,
                time_left_s=lambda: 300.0,
                grace_period_s=grace_period_s,
            )
            return load_pass(outside)

    def look(self) -> Connection:
        """As inspect looks at the warehouse."""
        connection = self.warehouse.connect()
        connection.run(f"SET search_path TO {SCHEMA}")
        return connection

    def travel(self) -> None:
        """Extract, transform and load what is there, and add the foreign keys that are asked for."""
        self.extract()
        self.deliver()
        self.load()
        self.add_foreign_keys()

    # ---- the oracle

    def differences(self, targets: Mapping[str, Target] = TARGETS) -> dict[str, list[list[object]]]:
        """Rows that the oracle has and the warehouse has not, or the other way round, by warehouse table."""
        found = {target.name: self._difference(target) for target in targets.values()}
        return {name: rows for name, rows in found.items() if rows}

    def _difference(self, target: Target) -> list[list[object]]:
        columns = ", ".join(quoted(column.name) for column in target.columns)
        place_expected(self.source, self.there, target)
        missing = self.there.run(f"SELECT * FROM expected EXCEPT ALL SELECT {columns} FROM {shown(target)}")
        extra = self.there.run(f"SELECT {columns} FROM {shown(target)} EXCEPT ALL SELECT * FROM expected")
        return [["missing", *row] for row in missing or []] + [["extra", *row] for row in extra or []]


def place_expected(source: Native, there: Native, target: Target) -> None:
    """The oracle's rows as a temporary table `expected` of the warehouse."""
    file = ORACLE / f"{target.name}.sql"
    assert file.exists(), f"write tests/oracle/{file.name}: the rows of {target.name}, in SQL on the source"
    oracle = file.read_text().rstrip().rstrip(";")
    rows: list[bytes] = []
    source.run(f"COPY ({oracle}) TO STDOUT", stream=_Lines(rows))
    there.run("DROP TABLE IF EXISTS expected")
    columns = ", ".join(quoted(column.name) for column in target.columns)
    there.run(f"CREATE TEMP TABLE expected AS SELECT {columns} FROM {target.name} WHERE false")
    there.run("COPY expected FROM STDIN", stream=iter(rows))


class _Lines:
    def __init__(self, rows: list[bytes]) -> None:
        self._rows = rows

    def write(self, data: bytes) -> None:
        self._rows.append(data)


def shown(target: Target) -> str:
    """Where the warehouse shows what the source has now."""
    if target.kind == "fact":
        return f"current_{target.name}"
    if target.kind == "dimension":
        deleted = " UNION ALL ".join(
            f"SELECT key::text FROM {table} WHERE table_name = '{target.name}' AND ended_at IS NULL"
            for table in ("etl_deletion", "etl_text_deletion")
        )
        return f"(SELECT * FROM {target.name} WHERE {target.key}::text NOT IN ({deleted})) AS present"
    named = " UNION ".join(
        f"SELECT {column} FROM current_{fact.name}"
        for fact in TARGETS.values()
        if fact.kind == "fact"
        for column, (dimension, _) in fact.references.items()
        if dimension == target.name
    )
    return f"(SELECT * FROM {target.name} WHERE {target.key} IN ({named})) AS named"


def fingerprint(road: Road) -> str:
    """All that a reader of the warehouse sees, but for serial numbers and loading times."""
    content = {}
    for target in TARGETS.values():
        columns = ", ".join(quoted(column.name) for column in target.columns)
        extra = ", valid_from, valid_to, deleted_at" if target.kind == "fact" else ""
        table = f"history_{target.name}" if target.kind == "fact" else target.name
        content[target.name] = sorted(map(repr, road.there.run(f"SELECT {columns}{extra} FROM {table}") or []))
    return json.dumps(content)
