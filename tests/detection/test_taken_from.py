"""What changes a SELECT's answer and gives no row a new transaction makes the next batch full, the warehouse right."""

from dataclasses import replace

import pytest
from pg8000.native import Connection as Native

from conftest import Database
from local import logins
from shared.aws.bucket import S3Bucket
from shared.source.extract import extract
from shared.source.request import ExtractRequest
from tests.detection.servers import leave
from tests.detection.watching import Watched
from tests.road.road import Heard, Road
from tests.shared.source.test_extract import Stack

BRANCHES = "a relation that holds its rows came, went or was rewritten"
COLUMNS = "its columns changed"
TYPES = "a type of its columns changed"
ANEW = "the table was made anew or rewritten"

# 120 rows, of which `payment` holds 1 to 60 and `payment_high` beside it the rest.
PARTITIONED = """
ALTER TABLE payment RENAME TO payment_low;
CREATE TABLE payment (LIKE payment_low) PARTITION BY RANGE (payment_id);
CREATE TABLE payment_high (LIKE payment_low);
INSERT INTO payment_high SELECT * FROM payment_low WHERE payment_id > 60;
DELETE FROM payment_low WHERE payment_id > 60;
ALTER TABLE payment ATTACH PARTITION payment_low FOR VALUES FROM (MINVALUE) TO (61);
GRANT SELECT ON payment TO totestream_extract
"""
ATTACH = "ALTER TABLE payment ATTACH PARTITION payment_high FOR VALUES FROM (61) TO (MAXVALUE)"
INHERITED = """
CREATE TABLE sales_old (LIKE sales_order);
INSERT INTO sales_old SELECT * FROM sales_order WHERE sales_order_id > 5;
DELETE FROM payment; DELETE FROM transaction; DELETE FROM sales_order WHERE sales_order_id > 5
"""
INHERIT = "ALTER TABLE sales_old INHERIT sales_order"
DROPPED_AND_ADDED = """
ALTER TABLE {0} DROP COLUMN agreed_delivery_location_id;
ALTER TABLE {0} ADD COLUMN agreed_delivery_location_id integer NOT NULL DEFAULT 1
"""
VIRTUAL = """
ALTER TABLE payment DROP COLUMN payment_date;
ALTER TABLE payment ADD COLUMN payment_date text GENERATED ALWAYS AS ('2026-01-02') VIRTUAL
"""
OTHER_SCHEMA = """
CREATE SCHEMA aside;
CREATE TABLE aside.payment (LIKE payment);
INSERT INTO aside.payment SELECT * FROM payment;
UPDATE aside.payment SET paid = NOT paid;
GRANT SELECT ON aside.payment TO totestream_extract
"""
SWAPPED_SCHEMAS = "ALTER TABLE payment RENAME TO payment_before; ALTER TABLE aside.payment SET SCHEMA public"
SWAPPED_NAMES = """
ALTER TABLE sales_order RENAME agreed_payment_date TO between;
ALTER TABLE sales_order RENAME agreed_delivery_date TO agreed_payment_date;
ALTER TABLE sales_order RENAME between TO agreed_delivery_date
"""
CASES = {
    "a label is renamed": ("", "ALTER TYPE \"TransactionType\" RENAME VALUE 'SALE' TO 'SOLD'", "transaction", TYPES),
    "the last column is dropped and added again": ("", DROPPED_AND_ADDED.format("sales_order"), "sales_order", COLUMNS),
    "a filled partition comes": (PARTITIONED, ATTACH, "payment", BRANCHES),
    "a partition goes": (
        f"{PARTITIONED};{ATTACH}",
        "ALTER TABLE payment DETACH PARTITION payment_high",
        "payment",
        BRANCHES,
    ),
    "a partition is rewritten": (PARTITIONED, "CLUSTER payment_low USING payment_pkey", "payment", BRANCHES),
    "a filled child comes": (INHERITED, INHERIT, "sales_order", BRANCHES),
    "a child goes": (f"{INHERITED};{INHERIT}", "ALTER TABLE sales_old NO INHERIT sales_order", "sales_order", BRANCHES),
    "a child's column is another one": (
        f"{INHERITED};{INHERIT}",
        f"ALTER TABLE sales_old NO INHERIT sales_order;{DROPPED_AND_ADDED.format('sales_old')};{INHERIT}",
        "sales_order",
        COLUMNS,
    ),
    "columns swap their names": ("", SWAPPED_NAMES, "sales_order", COLUMNS),
    "a virtual column is computed otherwise": (
        VIRTUAL,
        "ALTER TABLE payment ALTER COLUMN payment_date SET EXPRESSION AS ('2026-01-03')",
        "payment",
        COLUMNS,
    ),
    "another table takes the place": (OTHER_SCHEMA, SWAPPED_SCHEMAS, "payment", ANEW),
    "a type without a rewrite": ("", "ALTER TABLE currency ALTER currency_code TYPE text", "currency", COLUMNS),
    "a table is no longer logged": ("", "ALTER TABLE payment SET UNLOGGED", "payment", ANEW),
}


def reasons(road: Road, run: int) -> dict[str, str]:
    """Why each table that the run read whole was so."""
    states = road.run_log.get(run).tables
    return {name: state.batch.reason for name, state in states.items() if state.batch and state.batch.mode == "full"}


# One of each reason, and both ways that rows come and go with a relation; the others are soak.
FIRST = (
    "a label is renamed",
    "a partition goes",
    "a filled child comes",
    "columns swap their names",
    "a table is no longer logged",
)


@pytest.mark.parametrize(
    ("before", "change", "table", "reason"),
    [pytest.param(*case, id=name, marks=[] if name in FIRST else pytest.mark.soak) for name, case in CASES.items()],
)
def test_no_row_has_a_new_transaction(road: Road, before: str, change: str, table: str, reason: str) -> None:
    run_all(road.source, before)
    road.travel()
    assert road.differences() == {}
    run_all(road.source, change)
    road.travel()
    assert reasons(road, 2)[table] == reason
    assert road.differences() == {}
    assert road.extract().run is None


def run_all(owner: Native, statements: str) -> None:
    """All of them in one transaction, which CLUSTER of a partitioned table's part is content with."""
    if statements:
        owner.run(f"BEGIN; {statements}; COMMIT")


def test_changes_of_rows_in_a_partition_are_deltas(road: Road) -> None:
    run_all(road.source, f"{PARTITIONED};{ATTACH}")
    road.travel()
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id IN (3, 77)")
    road.travel()
    batch = road.run_log.get(2).tables["payment"].batch
    assert batch and (batch.mode, batch.rows) == ("delta", 2)
    assert road.differences() == {}


def test_a_database_that_takes_another_s_place_on_the_server(road: Road) -> None:
    """The copy has the same table oids, files and transaction ids, and not what the original's last run has read."""
    name, copy, gone = road.totesys.name, f"{road.totesys.name}_copy", f"{road.totesys.name}_gone"
    road.travel()
    leave(road)
    with road.totesys.server.superuser() as admin:
        admin.run(f"CREATE DATABASE {copy} TEMPLATE {name} OWNER {logins.SOURCE_OWNER}")
        admin.run(f"GRANT CONNECT ON DATABASE {copy} TO {logins.EXTRACT}")
    road.source = road.totesys.owner()
    road.source.run("UPDATE payment SET paid = NOT paid")
    road.travel()
    leave(road)
    with road.totesys.server.superuser() as admin:
        admin.run(f"ALTER DATABASE {name} RENAME TO {gone}")
        admin.run(f"ALTER DATABASE {copy} RENAME TO {name}")
        admin.run(f"DROP DATABASE {gone}")
    road.source = road.totesys.owner()
    road.travel()
    assert set(reasons(road, 3).values()) == {"it is in another database"}
    assert road.differences() == {}


def test_a_label_that_is_renamed_and_renamed_back_around_a_run_s_reading(
    trading: Database, ingestion: S3Bucket
) -> None:
    """A label is looked up when its row is read, not as of the run's snapshot."""
    stack, other = Stack(trading, ingestion, Heard()), trading.owner()

    def rename(_: Native) -> None:
        other.run("ALTER TYPE \"TransactionType\" RENAME VALUE 'SALE' TO 'SOLD'")

    renaming = replace(stack.outside(), open_source=lambda: Watched(trading.connect(), rename))
    assert extract(ExtractRequest(), renaming).run == 1
    other.run("ALTER TYPE \"TransactionType\" RENAME VALUE 'SOLD' TO 'SALE'")
    assert stack.extract().run == 2
    batch = stack.record(2).tables["transaction"].batch
    assert batch and batch.reason == TYPES


def test_another_login_and_a_mask_of_columns(road: Road) -> None:
    road.travel()
    with road.totesys.server.superuser(road.totesys.name) as admin:
        admin.run("SET allow_system_table_mods = on")
        admin.run(
            "INSERT INTO pg_seclabel VALUES (CAST('payment' AS regclass), CAST('pg_class' AS regclass), 5, 'anon', 'x')"
        )
    road.travel()
    assert reasons(road, 2) == {"payment": "its security labels, or its reader's, changed"}
    road.totesys = replace(road.totesys, login_name=logins.SOURCE_OWNER)
    road.travel()
    assert set(reasons(road, 3).values()) == {"another login reads it"}
    assert road.differences() == {}


def test_columns_of_any_name_that_the_catalogue_does_not_know(road: Road) -> None:
    road.source.run(
        "ALTER TABLE payment ADD COLUMN _xid bigint DEFAULT 5, ADD COLUMN _unreadable text, ADD COLUMN t xid"
    )
    road.travel()
    road.source.run("UPDATE payment SET paid = NOT paid, _xid = 1 WHERE payment_id = 3")
    road.source.run(
        "UPDATE currency SET last_updated = now() WHERE currency_id = 1; ALTER TABLE currency ADD _xid text"
    )
    road.travel()
    batch = road.run_log.get(2).tables["payment"].batch
    assert batch and (batch.mode, batch.rows) == ("delta", 1)
    assert road.differences() == {}


def test_a_policy_deletes_nothing_from_the_history(road: Road) -> None:
    """All rows are hidden for two runs, while some change and one is deleted."""
    road.travel()
    before = len(road.there.run("SELECT * FROM history_fact_payment"))
    road.source.run("ALTER TABLE payment ENABLE ROW LEVEL SECURITY")
    road.travel()
    road.source.run("UPDATE payment SET paid = NOT paid WHERE payment_id = 3; DELETE FROM payment WHERE payment_id = 4")
    road.extract(ExtractRequest(cause="reconcile", full={"payment": "reconcile"}))
    road.travel()
    newest = road.run_log.newest()
    hold = newest and newest.state("payment").hold
    assert hold and "row-level security policy" in hold.reason
    assert road.there.run("SELECT count(*) FROM current_fact_payment") == [[120]]
    road.source.run("ALTER TABLE payment DISABLE ROW LEVEL SECURITY")
    road.travel()
    assert road.differences() == {}
    assert road.there.run("SELECT payment_id FROM history_fact_payment WHERE deleted_at IS NOT NULL") == [[4]]
    assert len(road.there.run("SELECT * FROM history_fact_payment")) == before + 1
