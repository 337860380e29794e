"""The extraction against a real PostgreSQL: what one run reads, and that nothing is missed or read twice."""

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

import boto3
import msgspec
import pg8000.native
import pytest

from conftest import Database
from shared.aws.bucket import S3Bucket
from shared.aws.topic import SnsTopic
from shared.catalogue import TABLES
from shared.columns import TEXT, Column
from shared.frames import Frame
from shared.lake import keys, parquet
from shared.lake.change_topic import SnsChangeTopic
from shared.lake.documents import ChangeMessage, RunRecord
from shared.lake.parts import get_verified
from shared.lake.run_log import RunLog
from shared.postgres.connection import Connection
from shared.source.extract import ExtractResult, extract
from shared.source.preview import compare, preview
from shared.source.readers.postgres.reader import PostgresReader
from shared.source.request import ExtractRequest
from shared.source.run import ExtractDependencies
from shared.warehouse.registry import TARGETS
from tests.road.road import Heard

pytestmark = pytest.mark.fast

STAMP = "TIMESTAMP '2026-01-05 09:00:10.123'"


@dataclass
class Stack:
    totesys: Database
    ingestion: S3Bucket
    topic: Heard

    def __post_init__(self) -> None:
        self.log = RunLog(self.ingestion)
        self._ids = (f"{number:032x}" for number in count(1))

    def outside(self) -> ExtractDependencies:
        return ExtractDependencies(
            run_log=self.log,
            topic=self.topic,
            readers=(PostgresReader(self.totesys.connect),),
            targets=TARGETS,
            stack="totestream-test",
            code="test",
            new_id=lambda: next(self._ids),
            now=lambda: datetime(2026, 1, 5, tzinfo=UTC),
            sleep=time.sleep,
            time_left_s=lambda: 60.0,
        )

    def extract(self, request: ExtractRequest | None = None) -> ExtractResult:
        return extract(request or ExtractRequest(), self.outside())

    def record(self, run: int) -> RunRecord:
        return self.log.get(run)

    def rows(self, run: int, table: str) -> list[int]:
        """The keys that a run read, in order."""
        batch = self.record(run).tables[table].batch
        assert batch is not None
        frames = [self.frame(table, part.key, part.sha256) for part in batch.parts]
        return sorted(key for frame in frames for key in frame[TABLES[table].key].tolist())

    def frame(self, table: str, key: str, sha256: str) -> Frame:
        return parquet.decode(get_verified(self.ingestion, key, sha256), TABLES[table].batch_columns, key)


@pytest.fixture
def stack(totesys: Database, ingestion: S3Bucket) -> Stack:
    return Stack(totesys, ingestion, Heard())


@pytest.fixture
def owner(totesys: Database) -> pg8000.native.Connection:
    return totesys.owner()


def currency(owner: pg8000.native.Connection, key: int, code: str = "GBP") -> None:
    owner.run(f"INSERT INTO currency VALUES ({key}, '{code}', {STAMP}, {STAMP})")


def transaction(owner: pg8000.native.Connection, key: int) -> None:
    owner.run(f"INSERT INTO transaction VALUES ({key}, 'SALE', NULL, NULL, {STAMP}, {STAMP})")


def test_the_first_run_reads_every_table_also_the_empty_ones(stack: Stack, owner: pg8000.native.Connection) -> None:
    currency(owner, 1)
    outcome = stack.extract()
    record = stack.record(1)
    assert (outcome.run, outcome.rows) == (1, 1)
    assert set(record.changed) == set(TABLES)
    assert {state.batch.mode for state in record.tables.values() if state.batch} == {"full"}
    assert stack.rows(1, "currency") == [1]
    assert set(record.targets) == set(TARGETS)


def test_nothing_changed_makes_no_run_and_says_so(stack: Stack) -> None:
    stack.extract()
    assert stack.extract().run is None
    assert stack.log.newest_number() == 1
    health = json.loads(stack.ingestion.get(keys.EXTRACT_HEALTH))
    assert (health["run"], health["changed"]) == (1, [])


def test_a_transactional_table_brings_what_changed_and_only_that(stack: Stack, owner: pg8000.native.Connection) -> None:
    for key in (1, 2, 3):
        transaction(owner, key)
    stack.extract()
    transaction(owner, 4)
    owner.run("UPDATE transaction SET transaction_type = 'PURCHASE' WHERE transaction_id = 2")  # silently
    stack.extract()
    batch = stack.record(2).tables["transaction"].batch
    assert batch is not None and batch.mode == "delta"
    assert stack.rows(2, "transaction") == [2, 4]
    assert stack.record(2).changed == ("transaction",)
    assert stack.extract().run is None


def test_a_reference_table_comes_whole_when_a_row_changed(stack: Stack, owner: pg8000.native.Connection) -> None:
    currency(owner, 1)
    currency(owner, 2, "USD")
    stack.extract()
    owner.run("UPDATE currency SET currency_code = 'EUR' WHERE currency_id = 2")
    stack.extract()
    assert stack.rows(2, "currency") == [1, 2]
    assert stack.record(2).tables["currency"].full_run == 2
    assert stack.record(2).targets == ("dim_currency",)


@pytest.mark.parametrize("late", ["plain", "savepoint", "prepared"])
def test_a_late_commit_is_found_and_nothing_twice(stack: Stack, owner: pg8000.native.Connection, late: str) -> None:
    stack.extract()
    slow = stack.totesys.owner()
    slow.run("BEGIN")
    if late == "savepoint":
        slow.run("SAVEPOINT inner_one")
    transaction(slow, 10)
    transaction(owner, 2)
    stack.extract()
    assert stack.rows(2, "transaction") == [2]
    slow.run("PREPARE TRANSACTION 'late'" if late == "prepared" else "SELECT 1")
    transaction(owner, 3)
    stack.extract()
    assert stack.rows(3, "transaction") == [3]
    slow.run("COMMIT PREPARED 'late'" if late == "prepared" else "COMMIT")
    stack.extract()
    assert stack.rows(4, "transaction") == [10]
    assert stack.extract().run is None


@pytest.mark.parametrize("gone", ["DELETE FROM transaction WHERE transaction_id = 2", "TRUNCATE transaction CASCADE"])
def test_a_deletion_makes_the_batch_a_full_one(stack: Stack, owner: pg8000.native.Connection, gone: str) -> None:
    for key in (1, 2, 3):
        transaction(owner, key)
    stack.extract()
    owner.run(gone)
    stack.extract()
    batch = stack.record(2).tables["transaction"].batch
    assert batch is not None and batch.mode == "full"
    assert stack.rows(2, "transaction") == ([1, 3] if gone.startswith("DELETE") else [])


def test_a_missing_column_holds_its_table_alone_and_the_hold_ends_by_itself(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    stack.extract()
    owner.run("ALTER TABLE currency RENAME currency_code TO code")
    currency(owner, 1)
    transaction(owner, 1)
    stack.extract()
    hold = stack.record(2).tables["currency"].hold
    assert hold is not None and "currency.currency_code is missing" in hold.reason
    assert stack.record(2).changed == ("transaction",)
    assert stack.extract().run is None
    owner.run("ALTER TABLE currency RENAME code TO currency_code")
    stack.extract()
    assert stack.record(3).tables["currency"].hold is None
    assert stack.rows(3, "currency") == [1]


def test_a_hold_that_begins_or_ends_is_a_run_of_its_own(stack: Stack, owner: pg8000.native.Connection) -> None:
    stack.extract()
    owner.run("REVOKE SELECT ON currency FROM totestream_extract")
    assert stack.extract().run == 2
    assert stack.record(2).changed == ()
    assert stack.extract().run is None
    owner.run("GRANT SELECT ON currency TO totestream_extract")
    assert stack.extract().run == 3
    assert stack.record(3).tables["currency"].hold is None


def test_a_table_forbidden_to_the_login_is_held_and_the_others_go_on(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    stack.extract()
    owner.run("REVOKE SELECT ON currency FROM totestream_extract")
    transaction(owner, 1)
    stack.extract()
    hold = stack.record(2).tables["currency"].hold
    assert hold is not None and "42501" in hold.reason
    assert stack.rows(2, "transaction") == [1]


def test_a_rewritten_table_and_a_column_with_a_default_are_read_whole(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    transaction(owner, 1)
    stack.extract()
    owner.run("ALTER TABLE transaction ADD COLUMN note text DEFAULT 'x'")
    stack.extract()
    assert stack.rows(2, "transaction") == [1]
    owner.run("VACUUM FULL transaction")
    stack.extract()
    assert stack.rows(3, "transaction") == [1]


def test_a_warehouse_table_that_the_log_does_not_know_gets_its_past(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    currency(owner, 1)
    old = {name: target for name, target in TARGETS.items() if name != "dim_currency"}
    extract(ExtractRequest(), replace(stack.outside(), targets=old))
    stack.extract()
    assert stack.record(2).targets == ("dim_currency",)
    assert stack.rows(2, "currency") == [1]


def reasons(stack: Stack, run: int) -> dict[str, str]:
    """Why each table that a run read whole was so."""
    states = stack.record(run).tables
    return {name: state.batch.reason for name, state in states.items() if state.batch and state.batch.mode == "full"}


def test_a_new_warehouse_table_gets_its_past_also_when_its_source_was_held(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    currency(owner, 1)
    old = {name: target for name, target in TARGETS.items() if name != "dim_currency"}
    extract(ExtractRequest(), replace(stack.outside(), targets=old))
    owner.run("REVOKE SELECT ON currency FROM totestream_extract")
    stack.extract()
    assert stack.record(2).changed == ()
    owner.run("GRANT SELECT ON currency TO totestream_extract")
    stack.extract()
    assert reasons(stack, 3) == {"currency": "warehouse table dim_currency is new"}
    assert stack.extract().run is None


def test_what_is_declared_otherwise_is_read_whole_once(
    stack: Stack, owner: pg8000.native.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column that the source has had for long is now in the catalogue, and a warehouse table has one more."""
    owner.run("ALTER TABLE currency ADD COLUMN symbol text DEFAULT 'x'")
    currency_with_symbol = f"INSERT INTO currency VALUES (1, 'GBP', {STAMP}, {STAMP}, '£')"
    owner.run(currency_with_symbol)
    transaction(owner, 1)
    stack.extract()
    columns = (*TABLES["currency"].columns, Column("symbol", TEXT, nullable=True))
    monkeypatch.setitem(TABLES, "currency", replace(TABLES["currency"], columns=columns))
    wider = replace(TARGETS["dim_transaction"], fingerprint="another")
    newer = replace(stack.outside(), targets={**TARGETS, "dim_transaction": wider})
    assert extract(ExtractRequest(), newer).run == 2
    assert reasons(stack, 2) == {
        "currency": "the declaration of currency changed",
        "transaction": "the declaration of dim_transaction changed",
    }
    assert (stack.rows(2, "currency"), stack.rows(2, "transaction")) == ([1], [1])
    batch = stack.record(2).tables["currency"].batch
    assert batch is not None
    assert stack.frame("currency", batch.parts[0].key, batch.parts[0].sha256)["symbol"].tolist() == ["£"]
    assert extract(ExtractRequest(), newer).run is None


def test_the_cursor_of_a_version_that_did_not_say_for_what_it_read_costs_one_full_read(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    transaction(owner, 1)
    stack.extract()
    record = json.loads(stack.ingestion.get(keys.run_key(1)))
    for state in record["tables"].values():
        del state["cursor"]["read_for"]
    stack.ingestion.put(keys.run_key(1), json.dumps(record).encode())
    transaction(owner, 2)
    stack.extract()
    assert reasons(stack, 2) == dict.fromkeys(TABLES, "read by a version that did not record what it read for")
    assert stack.rows(2, "transaction") == [1, 2]
    assert stack.extract().run is None


def test_a_table_that_the_newest_record_does_not_know_is_read_for_the_first_time(stack: Stack) -> None:
    """As when the catalogue has one more, or the version before made one more run."""
    stack.extract()
    record = json.loads(stack.ingestion.get(keys.run_key(1)))
    record["tables"]["of_a_later_version"] = record["tables"].pop("design")
    stack.ingestion.put(keys.run_key(1), json.dumps(record).encode())
    stack.extract()
    assert reasons(stack, 2) == {"design": "first read"}
    assert set(stack.record(2).tables) == set(TABLES)


def test_a_table_that_is_not_there_yet_is_held_by_name_and_the_others_are_read(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    owner.run("ALTER TABLE currency RENAME TO currencies")
    transaction(owner, 1)
    stack.extract()
    hold = stack.record(1).tables["currency"].hold
    assert hold is not None
    assert hold.reason == "table currency is not there: correct the source, or shared/catalogue.py"
    assert stack.rows(1, "transaction") == [1]
    owner.run("ALTER TABLE currencies RENAME TO currency; INSERT INTO currency VALUES (1, 'GBP', now(), now())")
    stack.extract()
    assert stack.rows(2, "currency") == [1]


def test_a_managed_server_may_keep_its_control_functions_to_itself(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    with stack.totesys.server.superuser(stack.totesys.name) as admin:
        for name in ("system", "checkpoint", "recovery", "init"):
            admin.run(f"REVOKE EXECUTE ON FUNCTION pg_control_{name}() FROM PUBLIC")
    transaction(owner, 1)
    assert (stack.extract().run, stack.extract().run) == (1, None)


def test_a_run_that_was_not_published_is_published_by_the_next(stack: Stack, owner: pg8000.native.Connection) -> None:
    stack.extract()
    boto3.client("s3").delete_object(Bucket=stack.ingestion.name, Key=keys.published_key(1))
    before = len(stack.topic.messages)
    assert stack.extract().published == 1
    assert len(stack.topic.messages) == 2 * before
    assert stack.extract().published == 0


def test_two_extracts_at_once_the_second_leaves_quietly(stack: Stack) -> None:
    with stack.totesys.connect() as other:
        other.run("SELECT pg_advisory_lock(hashtextextended('totestream-extract:totestream-test', 0))")
        outcome = stack.extract()
    assert outcome.busy and outcome.run is None
    assert stack.extract().run == 1


def test_a_number_that_another_attempt_took_is_never_renumbered(stack: Stack, owner: pg8000.native.Connection) -> None:
    stack.extract()
    transaction(owner, 1)
    rival = msgspec.structs.replace(stack.record(1), run=2, attempt="rival")

    def open_after_the_rival_commits() -> Connection:
        assert stack.log.commit(rival)
        return stack.totesys.connect()

    outside = replace(stack.outside(), readers=(PostgresReader(open_after_the_rival_commits),))
    outcome = extract(ExtractRequest(), outside)
    assert outcome.run is None and outcome.busy
    assert stack.record(2).attempt == "rival"


def test_counting_says_what_each_warehouse_table_should_show(stack: Stack, owner: pg8000.native.Connection) -> None:
    currency(owner, 1)
    transaction(owner, 1)
    transaction(owner, 2)
    outcome = stack.extract(ExtractRequest(cause="count", count=True))
    assert outcome.run == 1
    expected = stack.record(1).expected
    assert expected is not None
    assert (expected["dim_currency"], expected["dim_transaction"], expected["dim_date"]) == (1, 2, 0)
    again = stack.extract(ExtractRequest(cause="count", count=True))
    assert again.run == 2 and stack.record(2).changed == ()


def test_messages_reach_sns_one_per_changed_table(aws: None) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="changes")["TopicArn"]
    queue = sqs.create_queue(QueueName="all")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    SnsChangeTopic(SnsTopic(topic)).publish([ChangeMessage(version=1, log="l", run=7, table=table) for table in TABLES])
    seen: set[str] = set()
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        seen |= {json.loads(message["Body"])["table"] for message in messages}
    assert seen == set(TABLES)


def hold_of(stack: Stack, run: int, table: str) -> str:
    hold = stack.record(run).tables[table].hold
    assert hold is not None
    return hold.reason


SELECTS = ", ".join(column.name for column in TABLES["transaction"].columns)
CLOSED = {
    "row-level security": (
        "ALTER TABLE transaction ENABLE ROW LEVEL SECURITY",
        'would be affected by row-level security policy for table "transaction"); ALTER ROLE totestream_extract'
        " BYPASSRLS, or ALTER TABLE public.transaction DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE transaction DISABLE ROW LEVEL SECURITY",
    ),
    "a policy that shows some": (
        "ALTER TABLE transaction ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY first ON transaction TO totestream_extract USING (transaction_id = 1)",
        'would be affected by row-level security policy for table "transaction"); ALTER ROLE totestream_extract'
        " BYPASSRLS, or ALTER TABLE public.transaction DISABLE ROW LEVEL SECURITY",
        "DROP POLICY first ON transaction; ALTER TABLE transaction DISABLE ROW LEVEL SECURITY",
    ),
    "rights of columns": (
        "REVOKE SELECT ON transaction FROM totestream_extract;"
        f"GRANT SELECT ({SELECTS}) ON transaction TO totestream_extract",
        "permission denied for table transaction); GRANT SELECT ON public.transaction TO totestream_extract",
        "GRANT SELECT ON transaction TO totestream_extract",
    ),
    "a right to write": (
        "REVOKE SELECT ON transaction FROM totestream_extract; GRANT INSERT ON transaction TO totestream_extract",
        "permission denied for table transaction); GRANT SELECT ON public.transaction TO totestream_extract",
        "GRANT SELECT ON transaction TO totestream_extract",
    ),
}


@pytest.mark.parametrize(("close", "words", "open_again"), CLOSED.values(), ids=CLOSED)
def test_what_the_login_may_not_see_is_held_and_not_deleted(
    stack: Stack, owner: pg8000.native.Connection, close: str, words: str, open_again: str
) -> None:
    for key in (1, 2, 3):
        transaction(owner, key)
    stack.extract()
    owner.run(close)
    currency(owner, 1)
    transaction(owner, 4)
    assert preview(ExtractRequest(), stack.outside())["runs"][0]["held"].keys() == {"transaction"}
    stack.extract(ExtractRequest(cause="count", count=True))
    record = stack.record(2)
    assert hold_of(stack, 2, "transaction").endswith(words) and "42501" in hold_of(stack, 2, "transaction")
    assert record.changed == ("currency",) and record.expected is not None
    assert "dim_transaction" not in record.expected and record.expected["dim_currency"] == 1
    [compared] = [table for table in compare(stack.outside())["tables"] if table["table"] == "transaction"]
    assert compared["problem"].endswith(words)
    owner.run(open_again)
    stack.extract()
    batch = stack.record(3).tables["transaction"].batch
    assert batch is not None and batch.mode == "delta"
    assert stack.rows(3, "transaction") == [4]


def test_a_login_that_policies_do_not_bind_reads_on(stack: Stack, owner: pg8000.native.Connection) -> None:
    """The tables' owner, until the policy is forced; and a login that bypasses them, also then."""
    stack.totesys = replace(stack.totesys, login_name=stack.totesys.owner_name)
    transaction(owner, 1)
    stack.extract()
    owner.run("ALTER TABLE transaction ENABLE ROW LEVEL SECURITY")
    assert stack.extract().run == 2
    assert reasons(stack, 2) == {"transaction": "its row-level security changed"}
    owner.run("ALTER TABLE transaction FORCE ROW LEVEL SECURITY")
    stack.extract()
    assert "row-level security" in hold_of(stack, 3, "transaction")
    with stack.totesys.server.superuser() as admin:
        admin.run(f"ALTER ROLE {stack.totesys.owner_name} BYPASSRLS")
        stack.extract()
        admin.run(f"ALTER ROLE {stack.totesys.owner_name} NOBYPASSRLS")
    assert stack.rows(4, "transaction") == [1]


def test_a_schema_that_is_closed_or_gone_holds_every_table_and_the_holds_end_by_themselves(stack: Stack) -> None:
    stack.extract()
    with stack.totesys.server.superuser(stack.totesys.name) as admin:
        admin.run("REVOKE USAGE ON SCHEMA public FROM totestream_extract")
        stack.extract()
        grant = "permission denied for schema public); GRANT USAGE ON SCHEMA public TO totestream_extract"
        assert all(hold_of(stack, 2, table).endswith(grant) for table in TABLES)
        admin.run("ALTER SCHEMA public RENAME TO elsewhere")
        stack.extract()
        assert all(hold_of(stack, 3, table).startswith(f"table {table} is not there") for table in TABLES)
        admin.run("ALTER SCHEMA elsewhere RENAME TO public")
        admin.run("GRANT USAGE ON SCHEMA public TO totestream_extract")
    stack.extract()
    assert not any(state.hold or state.batch for state in stack.record(4).tables.values())


NOWHERE = "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing"
NO_TABLE = {
    "a view": (
        "ALTER TABLE currency RENAME TO currencies; CREATE VIEW currency AS SELECT * FROM currencies",
        "table currency is a view, whose rows do not show which transaction made them",
    ),
    "a materialized view": (
        "ALTER TABLE currency RENAME TO currencies; CREATE MATERIALIZED VIEW currency AS SELECT * FROM currencies",
        "table currency is a materialized view, whose rows do not show which transaction made them",
    ),
    "a foreign table": (
        f"ALTER TABLE currency RENAME TO currencies; {NOWHERE};"
        "CREATE FOREIGN TABLE currency (currency_id integer) SERVER nowhere",
        "table currency is a foreign table, whose rows do not show which transaction made them",
    ),
    "a foreign child": (
        f"{NOWHERE}; CREATE FOREIGN TABLE currency_far () INHERITS (currency) SERVER nowhere",
        "currency_far, a part of table currency, is a foreign table, whose rows do not show which transaction made"
        " them",
    ),
    "another storage": (
        "CREATE ACCESS METHOD columns TYPE TABLE HANDLER heap_tableam_handler;"
        "ALTER TABLE currency SET ACCESS METHOD columns",
        "table currency is stored by columns, not as a heap, whose rows do not show which transaction made them",
    ),
    "a sequence": (
        "ALTER TABLE currency RENAME TO currencies; CREATE SEQUENCE currency",
        "table currency is a sequence, whose rows do not show which transaction made them",
    ),
    "a domain": (
        "CREATE DOMAIN code AS varchar(3); ALTER TABLE currency ALTER currency_code TYPE code",
        "column currency.currency_code is the domain public.code over character varying(3), not text",
    ),
}


@pytest.mark.parametrize(("statements", "words"), NO_TABLE.values(), ids=NO_TABLE)
def test_what_is_no_plain_table_is_held_by_what_it_is(stack: Stack, statements: str, words: str) -> None:
    with stack.totesys.server.superuser(stack.totesys.name) as admin:
        admin.run(f"{statements}; GRANT SELECT ON currency TO totestream_extract")
    assert stack.extract().run == 1
    assert hold_of(stack, 1, "currency") == f"{words}: correct the source, or shared/catalogue.py"
    assert set(stack.record(1).changed) == set(TABLES) - {"currency"}


def test_the_cursor_of_a_version_that_did_not_say_from_what_it_read_costs_one_full_read(
    stack: Stack, owner: pg8000.native.Connection
) -> None:
    transaction(owner, 1)
    stack.extract()
    record = json.loads(stack.ingestion.get(keys.run_key(1)))
    for state in record["tables"].values():
        del state["cursor"]["taken_from"]
    stack.ingestion.put(keys.run_key(1), json.dumps(record).encode())
    stack.extract()
    assert reasons(stack, 2) == dict.fromkeys(TABLES, "read by a version that did not record what it read from")
    assert stack.extract().run is None


def test_keys_that_the_source_does_not_have_are_named(stack: Stack, owner: pg8000.native.Connection) -> None:
    for key in (1, 2):
        transaction(owner, key)
    stack.extract()
    result = stack.extract(ExtractRequest(cause="resync", keys={"transaction": (1, 2, 999_999)}))
    assert result.absent == {"transaction": (999_999,)}
    assert stack.rows(result.run or 0, "transaction") == [1, 2]
    assert stack.extract(ExtractRequest(cause="resync", keys={"transaction": (1,)})).absent == {}
